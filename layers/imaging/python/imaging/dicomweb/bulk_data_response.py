"""Bulk data on its way out: one value, or all that a study, series or instance holds; PS3.18 Section 10.4.1.1.5."""

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from http import HTTPStatus
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicom.attributes import text
from imaging.dicom.pixel_description import PixelDescription
from imaging.dicomweb.body_response import body_response
from imaging.dicomweb.conditions import entity_tag, precondition_response, range_asked
from imaging.dicomweb.frames_response import FramesResponse
from imaging.dicomweb.media_types import ANY_TRANSFER_SYNTAX, OCTET_STREAM, Form, Offer, acceptable, not_acceptable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.multipart_body import BodyPart, Boundary, multipart
from imaging.dicomweb.single_body import not_satisfiable
from imaging.dicomweb.stream import Pieces
from imaging.dicomweb.transfer_syntaxes import frame_media_type
from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading.json_array import elements
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.target import Target

_ALONE, _IN_PARTS = Offer(OCTET_STREAM), Offer(OCTET_STREAM, is_multipart=True)
_PREFIX = "bulkdata/"
_DOCUMENT, _MIME_TYPE_OF_DOCUMENT = "00420011", "00420012"
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,99}/[\w.+-]{1,99}", re.ASCII)
_NARROWER = "ask for a Range of it, or for one value at a time"


class BulkDataResponse:
    """Sends values as they are stored, in little endian; compressed pixels uncompressed, unless asked for otherwise."""

    def __init__(
        self,
        retrieve: RetrieveBulkData,
        frames: RetrieveFrames,
        metadata: RetrieveMetadata,
        instances: RetrieveInstances,
        links: Links,
        max_body_bytes: int | None,
    ) -> None:
        self._retrieve = retrieve
        self._frames = frames
        self._metadata = metadata
        self._instances = instances
        self._links = links
        self._max_body_bytes = max_body_bytes
        self._frames_response = FramesResponse(frames, links, max_body_bytes)

    def value(self, request: Request, instance: Instance, path: str) -> Response:
        """One value, under the path that its BulkDataURI has.

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
        forms = [
            form
            for form in acceptable(request.accept, offers)
            if form.transfer_syntax_uid in ("", ANY_TRANSFER_SYNTAX, value.transfer_syntax_uid)
        ]
        if not forms:
            raise not_acceptable(offers)
        form = forms[0]
        tag = entity_tag(instance, path)
        if forbidden := precondition_response(request, tag):
            return forbidden
        if form.offer.is_multipart:
            return self._in_a_part(request, instance, path, value.stream(), tag)
        headers = {"Content-Type": form.offer.media_type, "Vary": "Accept", "ETag": tag, "Accept-Ranges": "bytes"}
        status, first, last = HTTPStatus.OK, 0, value.size_bytes - 1
        if asked := range_asked(request, tag, value.size_bytes):
            first, last = asked
            if last < first:
                return not_satisfiable(value.size_bytes)
            status, headers["Content-Range"] = HTTPStatus.PARTIAL_CONTENT, f"bytes {first}-{last}/{value.size_bytes}"
        headers["Content-Length"] = str(last - first + 1)
        return self._sent(request, headers, value.stream(first, last), status)

    def all(self, request: Request, target: Target) -> Response:
        """All bulk values of the target, each a part.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there is none; `NOT_ACCEPTABLE`, `TOO_LARGE`.
        """
        form = _in_parts(request)
        instances = {instance.key: instance for instance in self._instances.find(target)}
        runs = self._metadata.find(target).runs()
        return self._many(request, target, self._values(form, instances, runs))

    def pixels(self, request: Request, target: Target) -> Response:
        """The pixels of all the target's images, each a part.

        Raises
        ------
        Rejected
            As `all`.
        """
        form = _in_parts(request)
        parts = (part for instance in self._instances.find(target) for part in self._pixel_parts(form, instance))
        return self._many(request, target, parts)

    def _pixels(self, request: Request, instance: Instance, path: str) -> Response:
        """Compressed Pixel Data: uncompressed it is one value, else it is its frames."""
        description = self._frames.description(instance)
        form = next((form for form in _octet_forms(request) if self._is_uncompressed(form, description)), None)
        if form is None:
            return self._frames_response(request, instance, range(1, description.number_of_frames + 1))
        tag = entity_tag(instance, f"{path}.{ExplicitVRLittleEndian}")
        if forbidden := precondition_response(request, tag):
            return forbidden
        pieces = self._uncompressed(instance, description)
        if form.offer.is_multipart:
            return self._in_a_part(request, instance, path, pieces, tag)
        headers = {"Content-Type": OCTET_STREAM, "Vary": "Accept", "ETag": tag}
        return self._sent(request, headers, pieces, HTTPStatus.OK)

    def _is_uncompressed(self, form: Form, description: PixelDescription) -> bool:
        return (
            form.offer.media_type == OCTET_STREAM
            and form.transfer_syntax_uid in ("", ExplicitVRLittleEndian)
            and self._frames.can_decode(description)
        )

    def _uncompressed(self, instance: Instance, description: PixelDescription) -> Generator[bytes, None, None]:
        numbers = range(1, description.number_of_frames + 1)
        with closing(self._frames.uncompressed(instance, numbers)) as frames:
            for frame in frames:
                yield frame.content

    def _values(
        self, form: Form, instances: Mapping[InstanceKey, Instance], runs: Generator[bytes, None, None]
    ) -> Iterator[BodyPart]:
        with closing(runs):
            for run in runs:
                for _, data_set in elements(run.decode()):
                    instance = instances.get(_key(next(iter(instances)).space, data_set))
                    if instance:
                        for path in _paths(data_set):
                            yield from self._parts(form, instance, path)

    def _pixel_parts(self, form: Form, instance: Instance) -> Iterator[BodyPart]:
        try:
            description = self._frames.description(instance)
        except Rejected as rejected:
            if rejected.reason is not RejectReason.NOT_ACCEPTABLE:
                raise
            return  # it is no image
        yield from self._parts(form, instance, description.tag)

    def _parts(self, form: Form, instance: Instance, path: str) -> Iterator[BodyPart]:
        value = self._retrieve.find(instance, path)
        location = f"{self._links.instance(instance.key)}/{_PREFIX}{path}"
        if not value.is_in_frames:
            yield BodyPart(OCTET_STREAM, location, value.stream())
            return
        description = self._frames.description(instance)
        if self._is_uncompressed(form, description):
            yield BodyPart(OCTET_STREAM, location, self._uncompressed(instance, description))
            return
        media_type = f"{OCTET_STREAM}; transfer-syntax={description.transfer_syntax_uid}"
        numbers = range(1, description.number_of_frames + 1)
        with closing(self._frames.stored(instance, numbers)) as frames:
            for number, frame in zip(numbers, frames, strict=True):
                yield BodyPart(media_type, f"{location}/frames/{number}", _one_piece(frame.content))

    def _many(self, request: Request, target: Target, parts: Iterator[BodyPart]) -> Response:
        first = next(parts, None)
        if first is None:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE, "There is no such bulk data: no value here is left out of the metadata."
            )
        boundary = Boundary()
        headers = {"Content-Type": boundary.content_type(OCTET_STREAM), "Vary": "Accept"}
        return self._sent(request, headers, multipart(boundary, _with_first(first, parts)), HTTPStatus.OK)

    def _in_a_part(self, request: Request, instance: Instance, path: str, pieces: Pieces, tag: str) -> Response:
        boundary = Boundary()
        headers = {"Content-Type": boundary.content_type(OCTET_STREAM), "Vary": "Accept", "ETag": tag}
        part = BodyPart(OCTET_STREAM, f"{self._links.instance(instance.key)}/{_PREFIX}{path}", pieces)
        body = multipart(boundary, (one for one in (part,)))
        return self._sent(request, headers, body, HTTPStatus.OK)

    def _sent(self, request: Request, headers: Mapping[str, str], pieces: Pieces, status: HTTPStatus) -> Response:
        return body_response(
            request, headers, pieces, narrower=_NARROWER, max_body_bytes=self._max_body_bytes, status=status
        )


def _document_media_type(instance: Instance, path: str) -> str | None:
    """Of an Encapsulated Document, PS3.3 Section C.24.2."""
    stated = text(instance.attributes, _MIME_TYPE_OF_DOCUMENT) if path == _DOCUMENT else ""
    return stated.lower() if _MEDIA_TYPE.fullmatch(stated) else None


def _octet_forms(request: Request) -> list[Form]:
    try:
        return acceptable(request.accept, [_ALONE, _IN_PARTS])
    except Rejected:
        return []


def _in_parts(request: Request) -> Form:
    for form in acceptable(request.accept, [_IN_PARTS]):
        if form.transfer_syntax_uid in ("", ANY_TRANSFER_SYNTAX, ExplicitVRLittleEndian):
            return form
    raise not_acceptable([_IN_PARTS])


def _paths(data_set: Mapping[str, Any]) -> Iterator[str]:
    """Of all bulk values in a data set's DICOM JSON, those inside sequences too."""
    for element in data_set.values():
        if "BulkDataURI" in element:
            yield element["BulkDataURI"].removeprefix(_PREFIX)
        for item in element.get("Value", ()) if element.get("vr") == "SQ" else ():
            yield from _paths(item)


def _key(space: str, data_set: Mapping[str, Any]) -> InstanceKey:
    return InstanceKey(space, *(data_set[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")))


def _one_piece(content: bytes) -> Generator[bytes, None, None]:
    yield content


def _with_first(first: BodyPart, parts: Iterator[BodyPart]) -> Generator[BodyPart, None, None]:
    yield first
    yield from parts
