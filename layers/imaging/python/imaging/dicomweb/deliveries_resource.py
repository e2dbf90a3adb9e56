"""The ledger of a study on its way out: ``studies/{study}/deliveries``."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import JSON, choose
from imaging.dicomweb.message import Request, Response, json_bytes
from imaging.dicomweb.path import Names, target_of
from imaging.errors import Rejected, RejectReason
from imaging.model.delivery import Delivery
from imaging.model.identifiers import InstanceKey
from imaging.model.links import Links
from imaging.reading.read_deliveries import ReadDeliveries
from imaging.reading.search_cursor import foreign_cursor

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_OFFSET = 1_000_000

_PLACE = re.compile("[A-Za-z0-9.#-]{1,200}")  # a binding's name and two UIDs, or a revision
_PARAMETERS = {"offset": (0, 0, MAX_OFFSET), "limit": (DEFAULT_LIMIT, 1, MAX_LIMIT)}


class DeliveriesResource:
    """Answers requests for what was delivered of a study."""

    def __init__(self, read: ReadDeliveries, links: Links, max_body_bytes: int | None) -> None:
        self._read = read
        self._links = links
        self._max_body_bytes = max_body_bytes

    def __call__(self, request: Request, names: Names) -> Response:
        """A page of entries; a Link leads to the next.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE`, `MALFORMED_REQUEST`, `NOT_ACCEPTABLE` or `TOO_LARGE`.
        """
        media_type = choose(request.accept, (JSON,))
        study, asked = target_of(names).study, _asked(request.parameters)
        page = self._read(study, after=_after(request.parameters), **asked)
        headers = {"Cache-Control": "no-store"}
        if page.next:
            query = urlencode({"limit": asked["limit"], "after": page.next})
            headers["Link"] = f'<{self._links.deliveries(study)}?{query}>; rel="next"'
        return json_response(
            request,
            media_type,
            json_bytes([_document(entry) for entry in page.entries]),
            headers,
            narrower="ask for fewer by limit",
            max_body_bytes=self._max_body_bytes,
        )


def _document(entry: Delivery) -> dict[str, Any]:
    about: dict[str, Any] = {"revision": entry.number}
    if isinstance(entry.subject, InstanceKey):
        about = {
            "series": entry.subject.series_instance_uid,
            "instance": entry.subject.sop_instance_uid,
            "change_number": entry.number,
        }
    document = {
        "binding": entry.binding,
        **about,
        "outcome": entry.outcome.value,
        "at": entry.at.isoformat(timespec="microseconds"),
        "tries": entry.tries,
    }
    return {**document, "reason": entry.reason} if entry.reason else document


def _asked(parameters: Sequence[tuple[str, str]]) -> Mapping[str, int]:
    asked = {name: default for name, (default, _, _) in _PARAMETERS.items()}
    for name, text in parameters:
        if name.lower() in ("accept", "after"):  # PS3.18 8.3.3.1
            continue
        if name.lower() not in _PARAMETERS:
            raise _malformed("Deliveries have no such parameter; they take offset, limit and after.")
        _, least, most = _PARAMETERS[name.lower()]
        if not re.fullmatch("[0-9]{1,7}", text) or not least <= int(text) <= most:
            raise _malformed(f"The {name.lower()} must be a whole number from {least} to {most}.")
        asked[name.lower()] = int(text)
    return asked


def _after(parameters: Sequence[tuple[str, str]]) -> str:
    given = [text for name, text in parameters if name.lower() == "after"]
    if not all(_PLACE.fullmatch(text) for text in given) or len(given) > 1:
        raise foreign_cursor()
    return "".join(given)


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, sentence)
