"""What a FHIR server's answer means for who asked; nothing of its own words, which may quote a patient."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from requests import RequestException, Response
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.ports.outside import NotAllowed, TooBusy, VersionConflict

Json = Mapping[str, Any]

_ISSUE_CODE = re.compile(r"[a-z][a-z-]{0,31}\Z")  # https://hl7.org/fhir/R4/valueset-issue-type.html
_LONGEST_WAIT_SECONDS = 900  # what the queue waits at most by itself; then the server can say so again

# Too slow, locked, too early, too many requests: none speaks of the content, and each passes by itself.
_MAY_PASS = frozenset({408, 423, 425, 429})
_NOT_LET_IN = frozenset({401, 403})
_CONFLICT = frozenset({409, 412})
_NOT_THERE = frozenset({*range(300, 400), 404, 405, 410})
_STATUS = re.compile("[0-9]{3}")  # of an entry, with its words or without: "201 Created"


def content_of(response: Response, resource_type: str, **elements: str) -> Json:
    """The resource in an answer.

    Parameters
    ----------
    elements
        What it has to say beside its type, so that nobody else's answer is taken for the server's.

    Raises
    ------
    Unavailable, Rejected
        The answer is no success, or another thing.
    """
    outcome = _outcome(response)
    raise_unless_success(response.status_code, response, outcome, is_servers=is_outcome(outcome))
    try:
        content = _object(response.json())
    except RequestException:
        content = {}
    wanted = {"resourceType": resource_type, **elements}
    if {name: content.get(name) for name in wanted} != wanted:
        raise _no_fhir(response, f"the {' '.join([resource_type, *elements.values()])} that it was asked for")
    return content


def is_absent(response: Response) -> bool:
    """Whether the server itself says that a resource is not there (404) or deleted (410).

    What stands before the server may answer so, too, but with no
    OperationOutcome: https://hl7.org/fhir/R4/http.html#Status-Codes.
    """
    return response.status_code in (404, 410) and is_outcome(_outcome(response))


def responses_of(response: Response, entries: int) -> Sequence[Json]:
    """The `response` of each entry of a transaction, https://hl7.org/fhir/R4/http.html#transaction-response.

    Raises
    ------
    Unavailable, Rejected
        As `content_of`; of an entry too. Where not all of them are told of,
        nobody knows what was written: the next try looks.
    """
    bundle = content_of(response, "Bundle", type="transaction-response")
    found = [_object(entry.get("response")) for entry in objects_in(bundle, "entry")]
    statuses = [_STATUS.match(str(each.get("status", ""))) for each in found]
    for each, status in zip(found, statuses, strict=True):
        if status:
            raise_unless_success(int(status[0]), response, each.get("outcome"), is_servers=True)
    if len(found) != entries or None in statuses:
        raise _no_fhir(response, f"the status of each of {entries} entries")
    return found


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


def raise_unless_success(status: int, response: Response, outcome: object, *, is_servers: bool) -> None:
    """Raise what a status means.

    Parameters
    ----------
    is_servers
        Whether it is the FHIR server that speaks, and none of those before it.

    Raises
    ------
    VersionConflict
        409, 412.
    NotAllowed
        401, 403.
    TooBusy
        429.
    Unavailable
        What else is not about the content, 5xx: the queue tries again.
    Rejected
        `MALFORMED_REQUEST`: everything else.
    """
    if status // 100 == 2:
        return
    answered = f"The FHIR server answered {status}{issue_codes(outcome)}"
    if status in _CONFLICT:
        raise VersionConflict(f"{answered}: another wrote at the same time; it is tried again.")
    if status in _NOT_LET_IN:
        raise NotAllowed(
            f"{answered}: it does not let us in; mend the authorization in imaging.fhir, or what the server allows us."
        )
    if status in _MAY_PASS or status >= 500:
        unavailable = TooBusy if status == 429 else Unavailable
        raise unavailable(f"{answered}; it is tried again.", wait_seconds=wished_wait_seconds(response))
    if status in _NOT_THERE and not is_servers:
        raise _no_fhir(response, "an OperationOutcome")
    if status == 413:
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


def is_outcome(content: object) -> bool:
    """Whether it is an OperationOutcome, which FHIR servers alone answer with."""
    return _object(content).get("resourceType") == "OperationOutcome"


def _no_fhir(response: Response, wanted: str) -> Unavailable:
    return Unavailable(
        f"The FHIR server answered {response.status_code} without {wanted}; it is tried again, and if it stays so, "
        "mend imaging.fhir.base_url or what stands before the server."
    )


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _outcome(response: Response) -> object:
    try:
        return None if response.ok else response.json()
    except RequestException:  # no JSON: then there are no codes either
        return None
