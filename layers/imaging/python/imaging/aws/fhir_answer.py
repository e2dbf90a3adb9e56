"""What a FHIR server's answer means for who asked; nothing of its own words, which may quote a patient."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from requests import RequestException, Response
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.ports.outside import VersionConflict

Json = Mapping[str, Any]

_ISSUE_CODE = re.compile(r"[a-z][a-z-]{0,31}\Z")  # https://hl7.org/fhir/R4/valueset-issue-type.html
_LONGEST_WAIT_SECONDS = 900  # what the queue waits at most by itself; then the server can say so again

# Too slow, locked, too early, too many requests: none speaks of the content, and each passes by itself.
_MAY_PASS = frozenset({408, 423, 425, 429})
_NOT_LET_IN = frozenset({401, 403})
_CONFLICT = frozenset({409, 412})
_NOT_THERE = frozenset({*range(300, 400), 404, 405, 410})


def content_of(response: Response) -> Json:
    """The answer's JSON object; ``{}`` where it has no content.

    Raises
    ------
    Unavailable, Rejected
        The answer is no success, or no FHIR.
    """
    raise_unless_success(response.status_code, response, issue_codes(_outcome(response)))
    if not response.content:
        return {}
    try:
        content = response.json()
    except RequestException:
        content = None
    if not isinstance(content, dict):
        raise Unavailable("The FHIR server's answer is not FHIR's JSON; is imaging.fhir.base_url a FHIR server's?")
    return content


def responses_of(response: Response, entries: int) -> Sequence[Json]:
    """The `response` of each entry of a transaction; empty ones where a server says nothing of them.

    Raises
    ------
    Unavailable, Rejected
        As `content_of`; of an entry too.
    """
    found = [_object(entry.get("response")) for entry in objects_in(content_of(response), "entry")]
    for each in found:
        status = str(each.get("status", ""))[:3]
        if status.isdigit():
            raise_unless_success(int(status), response, issue_codes(each.get("outcome")))
    return found if len(found) == entries else [{}] * entries


def matches_of(page: Json, resource_type: str) -> Iterator[Json]:
    """What a page of a search found, without what came along (https://hl7.org/fhir/R4/search.html#entries)."""
    for entry in objects_in(page, "entry"):
        resource, mode = _object(entry.get("resource")), _object(entry.get("search")).get("mode", "match")
        if resource.get("resourceType") == resource_type and mode == "match":
            yield resource


def objects_in(content: object, name: str) -> list[Json]:
    """The objects of a list in an answer, which others wrote."""
    values = _object(content).get(name)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def raise_unless_success(status: int, response: Response, codes: str) -> None:
    """Raise what a status means.

    Raises
    ------
    VersionConflict
        409, 412.
    Unavailable
        401, 403 and what else is not about the content, 5xx: the queue tries again.
    Rejected
        `MALFORMED_REQUEST`: everything else.
    """
    if status // 100 == 2:
        return
    answered = f"The FHIR server answered {status}{codes}"
    if status in _CONFLICT:
        raise VersionConflict(f"{answered}: another wrote at the same time; it is tried again.")
    if status in _NOT_LET_IN:
        raise Unavailable(
            f"{answered}: it does not let us in; mend the authorization in imaging.fhir, or what the server allows us."
        )
    if status in _MAY_PASS or status >= 500:
        raise Unavailable(f"{answered}; it is tried again.", wait_seconds=wished_wait_seconds(response))
    if status in _NOT_THERE and not codes:
        why = "no FHIR server answers there; mend imaging.fhir.base_url"
    elif status == 413:
        why = "it takes nothing so large; lower imaging.fhir.max_listed_instances"
    else:
        why = "it refuses what it was sent; its own log says why"
    raise Rejected(RejectReason.MALFORMED_REQUEST, f"{answered}: {why}, then have `imaging publish` try again.")


def wished_wait_seconds(response: Response) -> float:
    """Retry-After, RFC 9110 Section 10.2.3, seconds or a date; 0 for neither."""
    try:
        wait = Retry().parse_retry_after(response.headers.get("Retry-After", ""))
    except (InvalidHeader, ValueError, OverflowError):
        return 0
    return min(wait, _LONGEST_WAIT_SECONDS)


def issue_codes(outcome: object) -> str:
    """The codes of an OperationOutcome; its texts may quote the patient, so they go no further."""
    codes = {str(issue.get("code")) for issue in objects_in(outcome, "issue")}
    known = sorted(filter(_ISSUE_CODE.match, codes))
    return f" ({', '.join(known)})" if known else ""


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _outcome(response: Response) -> object:
    try:
        return None if response.ok else response.json()
    except RequestException:  # no JSON: then there are no codes either
        return None
