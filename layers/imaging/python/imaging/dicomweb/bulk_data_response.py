"""One bulk value on its way out, under the path that its BulkDataURI has; PS3.18 Section 10.4.1.1.5."""

from collections.abc import Callable
from http import HTTPStatus

from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicom.attributes import text
from imaging.dicomweb.body_response import body_response
from imaging.dicomweb.conditions import digest, entity_tag, precondition_response, range_asked, weak
from imaging.dicomweb.frames_response import FramesResponse
from imaging.dicomweb.media_types import ANY_TRANSFER_SYNTAX, OCTET_STREAM, Form, Offer, acceptable, not_acceptable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.multipart_body import BodyPart, Boundary, multipart
from imaging.dicomweb.single_body import not_satisfiable
from imaging.dicomweb.stream import Pieces
from imaging.dicomweb.transfer_syntaxes import frame_media_type
from imaging.dicomweb.uncompressed_pixels import UncompressedPixels
from imaging.errors import Rejected
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading.bulk_data_value import BulkDataValue
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames

_ALONE, _IN_PARTS = Offer(OCTET_STREAM), Offer(OCTET_STREAM, is_multipart=True)
_DOCUMENT, _MIME_TYPE_OF_DOCUMENT = "00420011", "00420012"
# Those of PS3.3 Sections A.45 and A.85 that no browser runs: a CDA document is XML, in which a script may stand.
_DOCUMENT_TYPES = frozenset({"application/pdf", "model/mtl", "model/obj", "model/stl"})
_NARROWER = "ask for a Range of it"


class BulkDataResponse:
    """Sends a value as it is stored, in little endian; compressed pixels uncompressed, unless asked for otherwise."""

    def __init__(
        self, retrieve: RetrieveBulkData, frames: RetrieveFrames, links: Links, max_body_bytes: int | None
    ) -> None:
        self._retrieve = retrieve
        self._frames = frames
        self._uncompressed = UncompressedPixels(frames)
        self._frames_response = FramesResponse(frames, links, max_body_bytes)
        self._links = links
        self._max_body_bytes = max_body_bytes

    def __call__(self, request: Request, instance: Instance, path: str) -> Response:
        """Send one value.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE`, `NOT_ACCEPTABLE`, `TOO_LARGE`.
        """
        value = self._retrieve.find(instance, path)
        if value.is_in_frames:
            return self._pixels(request, instance, path)
        own = frame_media_type(value.transfer_syntax_uid) or _document_media_type(instance, path)
        offers = [_ALONE, _IN_PARTS, *([Offer(own), Offer(own, is_multipart=True)] if own else [])]
        for form in acceptable(request.accept, offers):
            if form.transfer_syntax_uid in ("", ANY_TRANSFER_SYNTAX, value.transfer_syntax_uid):
                if form.offer.is_multipart:
                    return self._in_a_part(request, instance, path, form, value.stream)
                return self._alone(request, instance, path, form, value)
        raise not_acceptable(offers)

    def _alone(self, request: Request, instance: Instance, path: str, form: Form, value: BulkDataValue) -> Response:
        tag = entity_tag(instance, path)
        if forbidden := precondition_response(request, tag):
            return forbidden
        headers = {"Content-Type": form.offer.media_type, "Vary": "Accept", "ETag": tag, "Accept-Ranges": "bytes"}
        status, first, last = HTTPStatus.OK, 0, value.size_bytes - 1
        if asked := range_asked(request, tag, value.size_bytes):
            first, last = asked
            if last < first:
                return not_satisfiable(value.size_bytes)
            status, headers["Content-Range"] = HTTPStatus.PARTIAL_CONTENT, f"bytes {first}-{last}/{value.size_bytes}"
        headers["Content-Length"] = str(last - first + 1)
        return self._sent(request, headers, value.stream(first, last), status)

    def _pixels(self, request: Request, instance: Instance, path: str) -> Response:
        """Compressed Pixel Data: uncompressed it is one value, else it is its frames."""
        description = self._frames.description(instance)
        form = next((form for form in _octet_forms(request) if self._uncompressed.suits(form, description)), None)
        if form is None:
            return self._frames_response(request, instance, range(1, description.number_of_frames + 1))
        if form.offer.is_multipart:
            return self._in_a_part(
                request, instance, path, form, lambda: self._uncompressed.pieces(instance, description)
            )
        tag = entity_tag(instance, f"{path}.{ExplicitVRLittleEndian}")
        if forbidden := precondition_response(request, tag):
            return forbidden
        headers = {"Content-Type": OCTET_STREAM, "Vary": "Accept", "ETag": tag}
        return self._sent(request, headers, self._uncompressed.pieces(instance, description), HTTPStatus.OK)

    def _in_a_part(
        self, request: Request, instance: Instance, path: str, form: Form, pieces: Callable[[], Pieces]
    ) -> Response:
        tag = weak(f"{instance.version_id}-{digest(path, form)}")  # the boundary is another each time
        if forbidden := precondition_response(request, tag):
            return forbidden
        boundary, media_type = Boundary(), form.offer.media_type
        headers = {"Content-Type": boundary.content_type(media_type), "Vary": "Accept", "ETag": tag}
        part = BodyPart(media_type, f"{self._links.instance(instance.key)}/bulkdata/{path}", pieces())
        return self._sent(request, headers, multipart(boundary, (one for one in (part,))), HTTPStatus.OK)

    def _sent(self, request: Request, headers: dict[str, str], pieces: Pieces, status: HTTPStatus) -> Response:
        return body_response(
            request, headers, pieces, narrower=_NARROWER, max_body_bytes=self._max_body_bytes, status=status
        )


def _document_media_type(instance: Instance, path: str) -> str | None:
    """Of an Encapsulated Document, PS3.3 Section C.24.2; None for what a browser might take for a program."""
    stated = text(instance.attributes, _MIME_TYPE_OF_DOCUMENT) if path == _DOCUMENT else ""
    media_type = stated.partition(";")[0].strip().lower()
    return media_type if media_type in _DOCUMENT_TYPES else None


def _octet_forms(request: Request) -> list[Form]:
    try:
        return acceptable(request.accept, [_ALONE, _IN_PARTS])
    except Rejected:
        return []
