"""Every GET: search, retrieve, metadata, frames, pictures, history; what is of all spaces; what a space can do."""

import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from imaging.dicomweb.body_response import whole_if_small
from imaging.dicomweb.capabilities import WADL, capabilities_description
from imaging.dicomweb.deliveries_resource import DeliveriesResource
from imaging.dicomweb.feed_resource import FeedResource
from imaging.dicomweb.fhir_errors_resource import FhirErrorsResource
from imaging.dicomweb.history_resource import HistoryResource
from imaging.dicomweb.media_types import choose
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response, error_response
from imaging.dicomweb.path import SERIES, STUDY
from imaging.dicomweb.retrieve_resources import Answer, RetrieveResources
from imaging.dicomweb.search_resource import SearchResource
from imaging.dicomweb.spaces_resource import SpacesResource
from imaging.dicomweb.status import NOT_ANSWERED, http_status
from imaging.dicomweb.wado_uri import WadoUri
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.links import Links
from imaging.ports.catalogue import QueryTagStates
from imaging.reading.encode_instances import EncodeInstances
from imaging.reading.query_keys import Level
from imaging.reading.read_deliveries import ReadDeliveries
from imaging.reading.read_feed import ReadFeed
from imaging.reading.read_fhir_errors import ReadFhirErrors
from imaging.reading.read_history import ReadHistory
from imaging.reading.read_spaces import ReadSpaces
from imaging.reading.render_image import RenderImage
from imaging.reading.retrieval import Retrieval
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.search_catalogue import SearchCatalogue
from imaging.settings import Space, space_named


class ReadResources:
    """Answers requests; whatever carries them translates to `Request` and from `Response`.

    Parameters
    ----------
    max_body_bytes
        What a response can hold. None: bodies of any size, as streams, nothing
        refused as too large and nothing redirected.
    further
        What answers at further paths, which are regular expressions for all of
        a path; not every process serves them. Where one names a ``space``,
        there need be no such space.
    """

    def __init__(
        self,
        spaces: Mapping[str, Space],
        links: Links,
        *,
        search: SearchCatalogue,
        query_tags: QueryTagStates,
        retrieve: RetrieveInstances,
        encode: EncodeInstances,
        metadata: RetrieveMetadata,
        bulk_data: RetrieveBulkData,
        frames: RetrieveFrames,
        render: RenderImage,
        history: ReadHistory,
        feed: ReadFeed,
        all_spaces: ReadSpaces,
        deliveries: ReadDeliveries,
        fhir_errors: ReadFhirErrors,
        max_body_bytes: int | None = MAX_BODY_BYTES,
        further: Mapping[str, Answer] | None = None,
    ) -> None:
        self._spaces = spaces
        self._links = links
        retrieval = Retrieval(retrieve, encode, metadata, bulk_data, frames, render)
        current = RetrieveResources(retrieval, links, max_body_bytes)
        of_history = HistoryResource(history, retrieval, links, max_body_bytes)
        wado_uri = WadoUri(retrieve, current.instances, render, current.rendered)
        changes = FeedResource(feed, links, max_body_bytes)
        searched = SearchResource(search, query_tags, links, max_body_bytes)
        of_all_spaces = SpacesResource(all_spaces, links)
        elsewhere = {"/spaces": lambda request, _names: of_all_spaces(request), **(further or {})}
        self._elsewhere = [(re.compile(f"{path}/?"), answer) for path, answer in elsewhere.items()]
        routes: dict[str, Answer] = {
            "studies": partial(searched, Level.STUDY),
            "series": partial(searched, Level.SERIES),
            "instances": partial(searched, Level.INSTANCE),
            f"{STUDY}/series": partial(searched, Level.SERIES),
            f"{STUDY}/instances": partial(searched, Level.INSTANCE),
            f"{SERIES}/instances": partial(searched, Level.INSTANCE),
            f"{STUDY}/deliveries": DeliveriesResource(deliveries, links, max_body_bytes),
            "changefeed": changes.page,
            "changefeed/latest": changes.latest,
            "fhir-errors": FhirErrorsResource(fhir_errors, links, max_body_bytes),
            "wado": lambda request, names: wado_uri(request, names["space"]),
            **{f"{STUDY}{path}": answer for path, answer in [*current.routes().items(), *of_history.routes().items()]},
        }
        self._routes = [(re.compile(f"/spaces/(?P<space>[^/]+)/{path}/?"), answer) for path, answer in routes.items()]

    def __call__(self, request: Request) -> Response:
        """Answer one request; what is wrong with it becomes a status and a sentence."""
        try:
            return self._capabilities(request) if request.method == "OPTIONS" else whole_if_small(self._answer(request))
        except Rejected as rejected:
            return error_response(http_status(rejected.reason), str(rejected))
        except Unavailable:
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, NOT_ANSWERED, {"Retry-After": "1"})

    def _answer(self, request: Request) -> Response:
        for path, answer in self._elsewhere:
            if match := path.fullmatch(request.path):
                return answer(request, match.groupdict())
        for path, answer in self._routes:
            if match := path.fullmatch(request.path):
                space_named(self._spaces, match["space"])
                return answer(request, match.groupdict())
        raise Rejected(
            RejectReason.NO_SUCH_RESOURCE,
            "There is no such resource; below a space are studies, series and instances, as PS3.18 names them, "
            "its changefeed and its fhir-errors.",
        )

    def _capabilities(self, request: Request) -> Response:
        """What a space can do, whichever of its resources is asked; PS3.18 Section 8.9.

        It does not tell whether there is such a space: where preflights go
        unsigned, so does this.
        """
        if any(path.fullmatch(request.path) for path, _ in self._elsewhere):
            return Response(HTTPStatus.NO_CONTENT, {"Allow": "GET, HEAD, OPTIONS"})
        space = request.path.removeprefix("/spaces/").partition("/")[0]
        if not re.fullmatch("[a-z0-9-]{1,63}", space):
            raise Rejected(RejectReason.NO_SUCH_SPACE, "There is no such storage space.")
        media_type = choose(request.accept, (WADL, "application/xml"))
        headers = {"Content-Type": media_type, "Vary": "Accept", "Allow": "GET, HEAD, POST, DELETE, OPTIONS"}
        return Response(HTTPStatus.OK, headers, capabilities_description(self._links.space(space)))
