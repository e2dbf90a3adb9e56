"""Every GET below a storage space: search, retrieve, metadata, history."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus

from imaging.dicomweb.media_types import DICOM_JSON, JSON, choose, instance_forms
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response, error_response, json_bytes, json_response
from imaging.dicomweb.metadata_response import metadata_array
from imaging.dicomweb.path import INSTANCE, SERIES, STUDY, Names, criteria_of, target_of
from imaging.dicomweb.query import parse_query
from imaging.dicomweb.retrieve_response import RetrieveResponse
from imaging.dicomweb.search_response import Wanted, search_result
from imaging.dicomweb.status import http_status
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.links import Links
from imaging.model.revision_document import document_of
from imaging.reading.query import Query
from imaging.reading.query_keys import Level
from imaging.reading.read_history import ReadHistory
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.search_catalogue import MAX_ROWS_READ, Page, SearchCatalogue
from imaging.settings import Space, space_named

MAX_RESULTS = 1_000
MAX_RESULTS_OF_A_STUDY = 5_000  # a whole series or study is asked for without a limit


class ReadResources:
    """Answers requests; whatever carries them translates to `Request` and from `Response`.

    Parameters
    ----------
    max_body_bytes
        What a response can hold. None: instances and metadata of any size, as
        streams, nothing refused as too large and nothing redirected.
    """

    def __init__(
        self,
        spaces: Mapping[str, Space],
        links: Links,
        *,
        search: SearchCatalogue,
        retrieve: RetrieveInstances,
        metadata: RetrieveMetadata,
        history: ReadHistory,
        max_body_bytes: int | None = MAX_BODY_BYTES,
    ) -> None:
        self._spaces = spaces
        self._links = links
        self._search_catalogue = search
        self._retrieve_instances = retrieve
        self._retrieve_metadata = metadata
        self._read_history = history
        self._retrieve_response = RetrieveResponse(retrieve, links, max_body_bytes)
        self._json = partial(json_response, max_body_bytes=max_body_bytes)
        routes: dict[str, Callable[[Request, Names], Response]] = {
            "studies": partial(self._search, Level.STUDY),
            "series": partial(self._search, Level.SERIES),
            "instances": partial(self._search, Level.INSTANCE),
            f"{STUDY}/series": partial(self._search, Level.SERIES),
            f"{STUDY}/instances": partial(self._search, Level.INSTANCE),
            f"{SERIES}/instances": partial(self._search, Level.INSTANCE),
            STUDY: self._retrieve,
            SERIES: self._retrieve,
            INSTANCE: self._retrieve,
            f"{STUDY}/metadata": self._metadata,
            f"{SERIES}/metadata": self._metadata,
            f"{INSTANCE}/metadata": self._metadata,
            f"{STUDY}/revisions": self._history,
            f"{STUDY}/revisions/(?P<number>[^/]+)": self._revision,
        }
        self._routes = [(re.compile(f"/spaces/(?P<space>[^/]+)/{path}/?"), answer) for path, answer in routes.items()]

    def __call__(self, request: Request) -> Response:
        """Answer one request; what is wrong with it becomes a status and a sentence."""
        try:
            return self._answer(request)
        except Rejected as rejected:
            return error_response(http_status(rejected.reason), str(rejected))
        except Unavailable:
            sentence = "A part of this service did not answer; ask again in a moment."
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": "1"})

    def _answer(self, request: Request) -> Response:
        for path, answer in self._routes:
            if match := path.fullmatch(request.path):
                space_named(self._spaces, match["space"])
                return answer(request, match.groupdict())
        raise Rejected(
            RejectReason.NO_SUCH_RESOURCE,
            "There is no such resource; below a space are studies, series and instances, as PS3.18 names them.",
        )

    def _search(self, level: Level, request: Request, names: Names) -> Response:
        media_type = choose(request.accept, (DICOM_JSON, JSON))
        max_results = MAX_RESULTS_OF_A_STUDY if "study" in names else MAX_RESULTS
        asked = parse_query(request.parameters, level, max_results=max_results)
        criteria = criteria_of(names, asked.criteria)
        page = self._search_catalogue(Query(names["space"], level, criteria, asked.limit, asked.offset))
        above = {Level.STUDY: "study", Level.SERIES: "series"}
        levels = {one for one in Level if one is level or (one < level and above[one] not in names)}
        wanted = Wanted(frozenset(levels), asked.included, asked.includes_all)
        results = [search_result(match, wanted, self._links) for match in page.matches]
        service = self._links.space(names["space"])
        warnings = [f"299 {service}: {text}" for text in (*asked.warnings, *_warnings(page))]
        headers = {"Warning": ", ".join(warnings)} if warnings else {}
        if not results:
            return Response(HTTPStatus.NO_CONTENT, headers)
        return self._json(request, media_type, json_bytes(results), headers, narrower="page with limit and offset")

    def _retrieve(self, request: Request, names: Names) -> Response:
        target = target_of(names)
        forms = instance_forms(request.accept, is_single_instance=target.instance is not None)
        return self._retrieve_response(request, self._retrieve_instances.find(target), forms)

    def _metadata(self, request: Request, names: Names) -> Response:
        media_type = choose(request.accept, (DICOM_JSON, JSON))
        runs = self._retrieve_metadata(target_of(names))
        content = metadata_array(names["space"], runs, self._links)
        return self._json(request, media_type, content, {}, narrower="retrieve it by series or by instance")

    def _history(self, request: Request, names: Names) -> Response:
        media_type = choose(request.accept, (JSON,))
        entries = self._read_history.entries(target_of(names).study)
        return self._json(request, media_type, json_bytes(entries), {}, narrower="read it revision by revision")

    def _revision(self, request: Request, names: Names) -> Response:
        media_type = choose(request.accept, (JSON,))
        if not re.fullmatch("[0-9]{1,8}", names["number"]):
            raise Rejected(RejectReason.MALFORMED_REQUEST, "A revision is a number, counted from 1.")
        revision = self._read_history.revision(target_of(names).study, int(names["number"]))
        return self._json(request, media_type, json_bytes(document_of(revision)), {}, narrower="read the history")


def _warnings(page: Page) -> list[str]:
    if page.is_cut_short:
        return [
            f"The search stopped after {MAX_ROWS_READ} rows and there may be further matches. "
            "Narrow it by StudyDate, PatientID or AccessionNumber."
        ]
    return ["There are additional results that can be requested."] if page.has_more else []  # PS3.18 8.3.4.4.1
