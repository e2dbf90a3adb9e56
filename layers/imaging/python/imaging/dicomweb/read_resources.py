"""Every GET below a storage space: search, retrieve, metadata, frames, pictures, history; and what a space can do."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus

from imaging.dicomweb.all_bulk_data_response import AllBulkDataResponse
from imaging.dicomweb.body_response import whole_if_small
from imaging.dicomweb.bulk_data_response import BulkDataResponse
from imaging.dicomweb.capabilities import WADL, capabilities_description
from imaging.dicomweb.frames_response import FramesResponse, frame_numbers
from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import DICOM, JSON, OCTET_STREAM, ZIP, Offer, acceptable, choose
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response, error_response, json_bytes
from imaging.dicomweb.metadata_resource import MetadataResource
from imaging.dicomweb.path import INSTANCE, SERIES, STUDY, Names, target_of
from imaging.dicomweb.rendered_response import RenderedResponse
from imaging.dicomweb.retrieve_response import RetrieveResponse
from imaging.dicomweb.search_resource import SearchResource
from imaging.dicomweb.status import http_status
from imaging.dicomweb.wado_uri import WadoUri
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.links import Links
from imaging.model.revision_document import document_of
from imaging.ports.catalogue import QueryTagStates
from imaging.reading.encode_instances import EncodeInstances
from imaging.reading.query_keys import Level
from imaging.reading.read_history import ReadHistory
from imaging.reading.render_image import RenderImage
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.search_catalogue import SearchCatalogue
from imaging.settings import Space, space_named

Answer = Callable[[Request, Names], Response]

_FRAMES = f"{INSTANCE}/frames/(?P<frames>[^/]+)"


class ReadResources:
    """Answers requests; whatever carries them translates to `Request` and from `Response`.

    Parameters
    ----------
    max_body_bytes
        What a response can hold. None: bodies of any size, as streams, nothing
        refused as too large and nothing redirected.
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
        max_body_bytes: int | None = MAX_BODY_BYTES,
    ) -> None:
        self._spaces = spaces
        self._links = links
        self._find = retrieve.find
        self._read_history = history
        self._retrieve_response = RetrieveResponse(retrieve, encode, links, max_body_bytes)
        self._metadata = MetadataResource(metadata, links, max_body_bytes)
        self._frames_response = FramesResponse(frames, links, max_body_bytes)
        self._bulk_data_response = BulkDataResponse(bulk_data, frames, links, max_body_bytes)
        self._all_bulk_data = AllBulkDataResponse(bulk_data, frames, metadata, retrieve, links, max_body_bytes)
        self._rendered = RenderedResponse(render, links, max_body_bytes)
        self._wado_uri = WadoUri(retrieve, self._retrieve_response, render, self._rendered)
        self._json = partial(json_response, max_body_bytes=max_body_bytes)
        searched = SearchResource(search, query_tags, links, max_body_bytes)
        routes: dict[str, Answer] = {
            "studies": partial(searched, Level.STUDY),
            "series": partial(searched, Level.SERIES),
            "instances": partial(searched, Level.INSTANCE),
            f"{STUDY}/series": partial(searched, Level.SERIES),
            f"{STUDY}/instances": partial(searched, Level.INSTANCE),
            f"{SERIES}/instances": partial(searched, Level.INSTANCE),
            f"{INSTANCE}/bulkdata/(?P<path>.+)": self._value,
            _FRAMES: self._frames,
            f"{_FRAMES}/rendered": self._rendered_frames,
            f"{_FRAMES}/thumbnail": self._thumbnail_of_frame,
            f"{STUDY}/revisions": self._history,
            f"{STUDY}/revisions/(?P<number>[^/]+)": self._revision,
            "wado": lambda request, names: self._wado_uri(request, names["space"]),
        }
        for level in (STUDY, SERIES, INSTANCE):
            routes |= {
                level: self._retrieve,
                f"{level}/metadata": _of_target(self._metadata),
                f"{level}/bulkdata": _of_target(self._all_bulk_data.values),
                f"{level}/pixeldata": _of_target(self._all_bulk_data.pixels),
                f"{level}/rendered": _of_target(self._rendered.target),
                f"{level}/thumbnail": _of_target(self._rendered.thumbnail),
            }
        self._routes = [(re.compile(f"/spaces/(?P<space>[^/]+)/{path}/?"), answer) for path, answer in routes.items()]

    def __call__(self, request: Request) -> Response:
        """Answer one request; what is wrong with it becomes a status and a sentence."""
        try:
            return self._capabilities(request) if request.method == "OPTIONS" else whole_if_small(self._answer(request))
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

    def _capabilities(self, request: Request) -> Response:
        """What a space can do, whichever of its resources is asked; PS3.18 Section 8.9.

        It does not tell whether there is such a space: where preflights go
        unsigned, so does this.
        """
        space = request.path.removeprefix("/spaces/").partition("/")[0]
        if not re.fullmatch("[a-z0-9-]{1,63}", space):
            raise Rejected(RejectReason.NO_SUCH_SPACE, "There is no such storage space.")
        media_type = choose(request.accept, (WADL, "application/xml"))
        headers = {"Content-Type": media_type, "Vary": "Accept", "Allow": "GET, HEAD, POST, DELETE, OPTIONS"}
        return Response(HTTPStatus.OK, headers, capabilities_description(self._links.space(space)))

    def _retrieve(self, request: Request, names: Names) -> Response:
        target = target_of(names)
        alone = [Offer(DICOM)] if target.instance else []
        offers = [Offer(DICOM, is_multipart=True), *alone, Offer(ZIP), Offer(OCTET_STREAM, is_multipart=True)]
        forms = acceptable(request.accept, offers)
        if forms[0].offer.media_type == OCTET_STREAM:  # PS3.18 Section 10.4.4 Note 2: the same as its bulk data
            return self._all_bulk_data.values(request, target)
        forms = [form for form in forms if form.offer.media_type != OCTET_STREAM]
        return self._retrieve_response(request, self._find(target), forms)

    def _frames(self, request: Request, names: Names) -> Response:
        numbers = frame_numbers(names["frames"])
        return self._frames_response(request, self._find(target_of(names))[0], numbers)

    def _rendered_frames(self, request: Request, names: Names) -> Response:
        return self._rendered.frames(request, target_of(names), frame_numbers(names["frames"]))

    def _thumbnail_of_frame(self, request: Request, names: Names) -> Response:
        numbers = frame_numbers(names["frames"])
        if len(numbers) > 1:
            raise Rejected(RejectReason.MALFORMED_REQUEST, "A thumbnail shows one frame; name one.")
        return self._rendered.thumbnail(request, target_of(names), numbers[0])

    def _value(self, request: Request, names: Names) -> Response:
        return self._bulk_data_response(request, self._find(target_of(names))[0], names["path"].rstrip("/"))

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


def _of_target(answer: Callable[..., Response]) -> Answer:
    return lambda request, names: answer(request, target_of(names))
