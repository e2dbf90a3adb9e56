"""What PS3.18 retrieves below a study, a series or an instance, wherever that stands."""

from collections.abc import Callable

from imaging.dicomweb.all_bulk_data_response import AllBulkDataResponse
from imaging.dicomweb.bulk_data_response import BulkDataResponse
from imaging.dicomweb.frames_response import FramesResponse, frame_numbers
from imaging.dicomweb.media_types import DICOM, OCTET_STREAM, ZIP, Offer, acceptable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.metadata_resource import MetadataResource
from imaging.dicomweb.path import LEVELS, Names, target_of
from imaging.dicomweb.rendered_response import RenderedResponse
from imaging.dicomweb.retrieve_response import RetrieveResponse
from imaging.errors import Rejected, RejectReason
from imaging.model.links import Links
from imaging.reading.retrieval import Retrieval

Answer = Callable[[Request, Names], Response]


class RetrieveResources:
    """Answers for studies as they are, or as a revision has them.

    Parameters
    ----------
    links
        Lead to where these resources stand.
    """

    def __init__(self, retrieval: Retrieval, links: Links, max_body_bytes: int | None) -> None:
        retrieve, bulk_data, frames = retrieval.retrieve, retrieval.bulk_data, retrieval.frames
        self._find = retrieve.find
        self.instances = RetrieveResponse(retrieve, retrieval.encode, links, max_body_bytes)
        self.rendered = RenderedResponse(retrieval.render, links, max_body_bytes)
        self._metadata = MetadataResource(retrieval.metadata, links, max_body_bytes)
        self._frames_response = FramesResponse(frames, links, max_body_bytes)
        self._bulk_data_response = BulkDataResponse(bulk_data, frames, links, max_body_bytes)
        self._all_bulk_data = AllBulkDataResponse(
            bulk_data, frames, retrieval.metadata, retrieve, links, max_body_bytes
        )

    def routes(self) -> dict[str, Answer]:
        """Answers by path, which is that behind the study."""
        instance = LEVELS[-1]
        routes: dict[str, Answer] = {
            f"{instance}/bulkdata/(?P<path>.+)": self._value,
            f"{instance}/frames/(?P<frames>[^/]+)": self._frames,
            f"{instance}/frames/(?P<frames>[^/]+)/rendered": self._rendered_frames,
            f"{instance}/frames/(?P<frames>[^/]+)/thumbnail": self._thumbnail_of_frame,
        }
        for level in LEVELS:
            routes |= {
                level: self.retrieve,
                f"{level}/metadata": _of_target(self._metadata),
                f"{level}/bulkdata": _of_target(self._all_bulk_data.values),
                f"{level}/pixeldata": _of_target(self._all_bulk_data.pixels),
                f"{level}/rendered": _of_target(self.rendered.target),
                f"{level}/thumbnail": _of_target(self.rendered.thumbnail),
            }
        return routes

    def retrieve(self, request: Request, names: Names) -> Response:
        """The instances of a study or a series, or one of them.

        Raises
        ------
        Rejected, Unavailable
            As `RetrieveResponse`.
        """
        target = target_of(names)
        alone = [Offer(DICOM)] if target.instance else []
        offers = [Offer(DICOM, is_multipart=True), *alone, Offer(ZIP), Offer(OCTET_STREAM, is_multipart=True)]
        forms = acceptable(request.accept, offers)
        if forms[0].offer.media_type == OCTET_STREAM:  # PS3.18 Section 10.4.4 Note 2: the same as its bulk data
            return self._all_bulk_data.values(request, target)
        forms = [form for form in forms if form.offer.media_type != OCTET_STREAM]
        return self.instances(request, self._find(target), forms)

    def _frames(self, request: Request, names: Names) -> Response:
        numbers = frame_numbers(names["frames"])
        return self._frames_response(request, self._find(target_of(names))[0], numbers)

    def _rendered_frames(self, request: Request, names: Names) -> Response:
        return self.rendered.frames(request, target_of(names), frame_numbers(names["frames"]))

    def _thumbnail_of_frame(self, request: Request, names: Names) -> Response:
        numbers = frame_numbers(names["frames"])
        if len(numbers) > 1:
            raise Rejected(RejectReason.MALFORMED_REQUEST, "A thumbnail shows one frame; name one.")
        return self.rendered.thumbnail(request, target_of(names), numbers[0])

    def _value(self, request: Request, names: Names) -> Response:
        return self._bulk_data_response(request, self._find(target_of(names))[0], names["path"].rstrip("/"))


def _of_target(answer: Callable[..., Response]) -> Answer:
    return lambda request, names: answer(request, target_of(names))
