"""What of a space could not be written to FHIR: ``fhir-errors``."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from imaging.dicomweb.fhir_error_document import fhir_error_document
from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import JSON, choose
from imaging.dicomweb.message import Request, Response, json_bytes
from imaging.dicomweb.path import Names
from imaging.errors import Rejected, RejectReason
from imaging.model.links import Links
from imaging.model.publication import ErrorKind, FhirError
from imaging.reading.read_fhir_errors import ReadFhirErrors
from imaging.reading.search_cursor import foreign_cursor

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000

_KNOWN = ("kind", "limit", "after")
_PLACE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{15}Z~[0-9.]{1,64}~" + f"({'|'.join(ErrorKind)})")


class FhirErrorsResource:
    """Answers requests for what could not be written."""

    def __init__(self, read: ReadFhirErrors, links: Links, max_body_bytes: int | None) -> None:
        self._read = read
        self._links = links
        self._max_body_bytes = max_body_bytes

    def __call__(self, request: Request, names: Names) -> Response:
        """A page of entries, newest first; a Link leads to the next.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST`, `NOT_ACCEPTABLE` or `TOO_LARGE`.
        """
        media_type = choose(request.accept, (JSON,))
        asked = _asked(request.parameters)
        kind, limit = _kind(asked.get("kind")), _limit(asked.get("limit"))
        page = self._read(names["space"], kind, after=_after(asked.get("after")), limit=limit)
        headers = {"Cache-Control": "no-store"}
        if page.next:
            query = urlencode({**({"kind": kind.value} if kind else {}), "limit": limit, "after": page.next})
            headers["Link"] = f'<{self._links.fhir_errors(names["space"])}?{query}>; rel="next"'
        return json_response(
            request,
            media_type,
            json_bytes([_document(entry) for entry in page.entries]),
            headers,
            narrower="ask for fewer by limit",
            max_body_bytes=self._max_body_bytes,
        )


def _document(entry: FhirError) -> dict[str, Any]:
    return {
        "study": entry.study.study_instance_uid,
        "revision": entry.revision,
        **fhir_error_document(entry),
    }


def _asked(parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    asked: dict[str, str] = {}
    for name, text in parameters:
        if name.lower() == "accept":  # PS3.18 8.3.3.1
            continue
        if name.lower() not in _KNOWN:
            raise _malformed(f"The fhir-errors have no such parameter; they take {', '.join(_KNOWN)}.")
        if name.lower() in asked:
            raise _malformed(f"The parameter {name.lower()} is given twice; give it once.")
        asked[name.lower()] = text
    return asked


def _kind(text: str | None) -> ErrorKind | None:
    if text is None:
        return None
    try:
        return ErrorKind(text)
    except ValueError as unknown:
        raise _malformed(f"The kind must be one of {', '.join(ErrorKind)}.") from unknown


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch("[0-9]{1,7}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise _malformed(f"The limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def _after(text: str | None) -> str:
    if text is not None and not _PLACE.fullmatch(text):
        raise foreign_cursor()
    return text or ""


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, sentence)
