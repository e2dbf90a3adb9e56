"""Searches, PS3.18 Section 10.6."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from imaging.dicom.native_model_document import native_model_document
from imaging.dicomweb.body_response import body_response, compressed
from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import DICOM_JSON, DICOM_XML, JSON, Offer, acceptable
from imaging.dicomweb.message import Request, Response, json_bytes
from imaging.dicomweb.multipart_body import BodyPart, Boundary, multipart
from imaging.dicomweb.path import Names, criteria_of
from imaging.dicomweb.query import parse_query
from imaging.dicomweb.search_response import Wanted, search_result
from imaging.model.links import Links
from imaging.ports.catalogue import QueryTagStates
from imaging.reading.query import Query
from imaging.reading.query_keys import Level
from imaging.reading.search_catalogue import MAX_ROWS_READ, Page, SearchCatalogue

MAX_RESULTS = 1_000
MAX_RESULTS_OF_A_STUDY = 5_000  # a whole series or study is asked for without a limit

_OFFERS = (Offer(DICOM_JSON), Offer(JSON), Offer(DICOM_XML, is_multipart=True))
_RETRIEVE_URL = "00081190"
_NARROWER = "page with limit and offset"
_ABOVE = {Level.STUDY: "study", Level.SERIES: "series"}
_NO_INDEX = (
    "No index serves this query: rows are read one after the other, at most {rows} a request. A StudyDate, PatientID, "
    "AccessionNumber, modality or the beginning of a PatientName makes it quick."
)
_CUT_SHORT = "The search stopped after {rows} rows and there may be further matches; the Link header goes on."


class SearchResource:
    """Answers searches at all levels."""

    def __init__(
        self, search: SearchCatalogue, query_tags: QueryTagStates, links: Links, max_body_bytes: int | None
    ) -> None:
        self._search = search
        self._query_tags = query_tags
        self._links = links
        self._max_body_bytes = max_body_bytes

    def __call__(self, level: Level, request: Request, names: Names) -> Response:
        """Answer one.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST`, `NOT_ACCEPTABLE`, or `TOO_LARGE`.
        """
        media_type = acceptable(request.accept, _OFFERS)[0].offer.media_type
        asked = parse_query(
            request.parameters,
            level,
            max_results=MAX_RESULTS_OF_A_STUDY if "study" in names else MAX_RESULTS,
            query_tags=self._query_tags.read(names["space"]),
        )
        criteria = criteria_of(names, asked.criteria)
        query = Query(
            names["space"], level, criteria, asked.limit, asked.offset, after=asked.after, tag_levels=asked.tag_levels
        )
        page = self._search(query)
        levels = {one for one in Level if one is level or (one < level and _ABOVE[one] not in names)}
        wanted = Wanted(frozenset(levels), asked.included, asked.includes_all, asked.private_creators, asked.tag_levels)
        results = [search_result(match, wanted, self._links) for match in page.matches]
        headers = self._headers(request, names, page, [*asked.warnings, *_warnings(page)])
        if not results:
            return Response(HTTPStatus.NO_CONTENT, headers)
        if media_type == DICOM_XML:
            return self._in_xml(request, results, headers)
        return json_response(
            request, media_type, json_bytes(results), headers, narrower=_NARROWER, max_body_bytes=self._max_body_bytes
        )

    def _in_xml(self, request: Request, results: Sequence[dict[str, Any]], headers: Mapping[str, str]) -> Response:
        """A part for each match, PS3.18 Section 10.6.3.3."""
        boundary = Boundary()
        parts = (
            BodyPart(
                DICOM_XML, result[_RETRIEVE_URL]["Value"][0], (piece for piece in (native_model_document(result),))
            )
            for result in results
        )
        headers = {"Content-Type": boundary.content_type(DICOM_XML), "Vary": "Accept, Accept-Encoding", **headers}
        body = compressed(request, headers, multipart(boundary, parts))
        return body_response(request, headers, body, narrower=_NARROWER, max_body_bytes=self._max_body_bytes)

    def _headers(self, request: Request, names: Names, page: Page, warnings: Sequence[str]) -> dict[str, str]:
        headers = {}
        if warnings:
            service = self._links.space(names["space"])
            headers["Warning"] = ", ".join(f"299 {service}: {text}" for text in warnings)
        if page.next:
            kept = [(name, value) for name, value in request.parameters if name.lower() not in ("offset", "after")]
            query = urlencode([*kept, ("after", page.next)], quote_via=quote)
            headers["Link"] = f'<{self._links.base_address}{quote(request.path)}?{query}>; rel="next"'
        return headers


def _warnings(page: Page) -> list[str]:
    warnings = []
    if page.is_unindexed:
        warnings.append(_NO_INDEX.format(rows=MAX_ROWS_READ))
    if page.is_cut_short:
        warnings.append(_CUT_SHORT.format(rows=MAX_ROWS_READ))
    elif page.has_more:
        warnings.append("There are additional results that can be requested.")  # PS3.18 8.3.4.4.1
    return warnings
