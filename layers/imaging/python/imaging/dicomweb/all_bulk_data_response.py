"""All bulk data of a study, a series or an instance, a part for each value; PS3.18 Section 10.4.1.1.5."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicomweb.body_response import body_response
from imaging.dicomweb.media_types import ANY_TRANSFER_SYNTAX, OCTET_STREAM, Form, Offer, acceptable, not_acceptable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.multipart_body import BodyPart, Boundary, multipart
from imaging.dicomweb.uncompressed_pixels import UncompressedPixels
from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading.json_array import elements
from imaging.reading.pieces import begun_with
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.target import Target

_IN_PARTS = Offer(OCTET_STREAM, is_multipart=True)
_PREFIX = "bulkdata/"
_NARROWER = "ask for one value at a time"


class AllBulkDataResponse:
    """Sends values one after the other, as the body goes out."""

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
        self._uncompressed = UncompressedPixels(frames)
        self._metadata = metadata
        self._instances = instances
        self._links = links
        self._max_body_bytes = max_body_bytes

    def values(self, request: Request, target: Target) -> Response:
        """All bulk values of the target.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there is none; `NOT_ACCEPTABLE`, `TOO_LARGE`.
        """
        form = _form(request)
        instances = {instance.key: instance for instance in self._instances.find(target)}
        return self._sent(request, self._values(form, instances, self._metadata.find(target).runs()))

    def pixels(self, request: Request, target: Target) -> Response:
        """The pixels of all the target's images.

        Raises
        ------
        Rejected
            As `values`.
        """
        form = _form(request)
        return self._sent(request, self._pixels(form, self._instances.find(target)))

    def _values(
        self, form: Form, instances: Mapping[InstanceKey, Instance], runs: Generator[bytes, None, None]
    ) -> Generator[BodyPart, None, None]:
        space = next(iter(instances)).space
        with closing(runs):
            for run in runs:
                for _, data_set in elements(run.decode()):
                    if instance := instances.get(_key(space, data_set)):
                        yield from self._parts(form, instance, list(_paths(data_set)))

    def _pixels(self, form: Form, instances: list[Instance]) -> Generator[BodyPart, None, None]:
        for instance in instances:
            try:
                description = self._frames.description(instance)
            except Rejected as rejected:
                if rejected.reason is not RejectReason.NOT_ACCEPTABLE:
                    raise
                continue  # it is no image
            yield from self._parts(form, instance, [description.tag])

    def _parts(self, form: Form, instance: Instance, paths: list[str]) -> Iterator[BodyPart]:
        for path, value in self._retrieve.find_all(instance, paths):
            location = f"{self._links.instance(instance.key)}/{_PREFIX}{path}"
            if value.is_in_frames:
                yield from self._frame_parts(form, instance, location)
            else:
                yield BodyPart(OCTET_STREAM, location, value.stream())

    def _frame_parts(self, form: Form, instance: Instance, location: str) -> Iterator[BodyPart]:
        description = self._frames.description(instance)
        if self._uncompressed.suits(form, description):
            yield BodyPart(OCTET_STREAM, location, self._uncompressed.pieces(instance, description))
            return
        media_type = f"{OCTET_STREAM}; transfer-syntax={description.transfer_syntax_uid}"
        numbers = range(1, description.number_of_frames + 1)
        with closing(self._frames.stored(instance, numbers)) as frames:
            for number, frame in zip(numbers, frames, strict=True):
                yield BodyPart(media_type, f"{location}/frames/{number}", (piece for piece in (frame.content,)))

    def _sent(self, request: Request, parts: Generator[BodyPart, None, None]) -> Response:
        first = next(parts, None)
        if first is None:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE, "There is no such bulk data: no value here is left out of the metadata."
            )
        boundary = Boundary()
        return body_response(
            request,
            {"Content-Type": boundary.content_type(OCTET_STREAM), "Vary": "Accept"},
            multipart(boundary, begun_with([first], parts)),
            narrower=_NARROWER,
            max_body_bytes=self._max_body_bytes,
        )


def _form(request: Request) -> Form:
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
