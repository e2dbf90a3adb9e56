"""What came in, over all spaces: ``GET /arrivals``."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from imaging.dicomweb.arrival_document import arrival_document
from imaging.dicomweb.arrivals_query import cursor_of, parse_arrivals_query
from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import JSON, choose
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response, json_bytes
from imaging.dicomweb.path import Names
from imaging.model.links import Links
from imaging.reading.read_arrivals import MAX_ROWS_READ, ReadArrivals
from imaging.settings import Space

_CUT_SHORT = "The page stopped after {rows} studies and there may be further ones; the Link header goes on."


class ArrivalsResource:
    """Answers requests for what came in.

    Parameters
    ----------
    has_viewer, fhir_search
        As `arrival_document` has them.
    """

    def __init__(
        self,
        read: ReadArrivals,
        spaces: Mapping[str, Space],
        links: Links,
        *,
        has_viewer: bool,
        fhir_search: str,
        max_body_bytes: int | None = MAX_BODY_BYTES,
    ) -> None:
        self._read = read
        self._spaces = spaces
        self._links = links
        self._has_viewer = has_viewer
        self._fhir_search = fhir_search
        self._max_body_bytes = max_body_bytes

    def __call__(self, request: Request, _names: Names) -> Response:
        """A page of studies, newest first; a Link leads to the next.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST`, `NO_SUCH_SPACE`, `NOT_ACCEPTABLE` or `TOO_LARGE`.
        """
        media_type = choose(request.accept, (JSON,))
        page = self._read(parse_arrivals_query(request.parameters, self._spaces))
        headers = {"Cache-Control": "no-store"}
        if page.next:
            kept = [(name, value) for name, value in request.parameters if name != "after"]
            query = urlencode([*kept, ("after", cursor_of(page.next))], quote_via=quote, errors="replace")
            headers["Link"] = f'<{self._links.base_address}/arrivals?{query}>; rel="next"'
        if page.is_cut_short:
            headers["Warning"] = f"299 {self._links.base_address}: {_CUT_SHORT.format(rows=MAX_ROWS_READ)}"
        documents = [
            arrival_document(each, self._links, has_viewer=self._has_viewer, fhir_search=self._fhir_search)
            for each in page.arrived
        ]
        return json_response(
            request,
            media_type,
            json_bytes(documents),
            headers,
            narrower="ask for fewer by limit",
            max_body_bytes=self._max_body_bytes,
        )
