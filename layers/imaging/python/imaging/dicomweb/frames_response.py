"""Frames on their way out, PS3.18 Section 10.4.1.1.6: as they are stored, uncompressed, or compressed as asked for."""

import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing

from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.transfer_syntaxes import NATIVE
from imaging.dicomweb.body_response import body_response
from imaging.dicomweb.conditions import digest, entity_tag, precondition_response, weak
from imaging.dicomweb.media_types import ANY_TRANSFER_SYNTAX, OCTET_STREAM, Form, Offer, acceptable, not_acceptable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.multipart_body import BodyPart, Boundary, multipart
from imaging.dicomweb.single_body import single_body_response
from imaging.dicomweb.transfer_syntaxes import MADE_AS, frame_media_type
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.ports.pixels import Frame
from imaging.reading.retrieve_frames import RetrieveFrames

MAX_FRAMES = 10_000

_FRAME_LIST = re.compile("[0-9]{1,9}(,[0-9]{1,9})*")
_NARROWER = "ask for fewer frames a request"


def frame_numbers(text: str) -> list[int]:
    """The numbers in a path, counted from 1, in the order given.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`.
    """
    if not _FRAME_LIST.fullmatch(text) or text.count(",") >= MAX_FRAMES:
        raise Rejected(
            RejectReason.MALFORMED_REQUEST,
            f"Frames are numbers counted from 1, separated by commas, at most {MAX_FRAMES}.",
        )
    return [int(number) for number in text.split(",")]


class FramesResponse:
    """Sends frames, one a part, or one frame alone."""

    def __init__(self, retrieve: RetrieveFrames, links: Links, max_body_bytes: int | None) -> None:
        self._retrieve = retrieve
        self._links = links
        self._max_body_bytes = max_body_bytes

    def __call__(self, request: Request, instance: Instance, numbers: Sequence[int]) -> Response:
        """Send frames in the form that the client likes best of those that can be made.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` for a number that the instance has not;
            `NOT_ACCEPTABLE` if it is no image, or no form can be made.
        Unavailable
            The first frame cannot be read.
        """
        description = self._retrieve.description(instance)
        form, syntax = self._chosen(request, description, is_single=len(numbers) == 1)
        frames = self._frames(instance, description, numbers, syntax)  # refuses a number that there is not
        media_type = f"{form.offer.media_type}; transfer-syntax={syntax}"
        if form.offer.is_multipart:
            return self._in_parts(request, instance, numbers, frames, media_type)
        tag = entity_tag(instance, f"{syntax}.{numbers[0]}")
        with closing(frames):
            if forbidden := precondition_response(request, tag):
                return forbidden
            frame = next(frames)
        return single_body_response(
            request,
            {"Content-Type": media_type},
            frame.content,
            tag,
            narrower="deploy the gateway, or fetch the whole instance, which is redirected to the bucket",
            max_body_bytes=self._max_body_bytes,
        )

    def _in_parts(
        self,
        request: Request,
        instance: Instance,
        numbers: Sequence[int],
        frames: Generator[Frame, None, None],
        media_type: str,
    ) -> Response:
        tag = weak(f"{instance.version_id}-{digest(numbers, media_type)}")  # the boundary is another each time
        if forbidden := precondition_response(request, tag):
            frames.close()
            return forbidden
        boundary = Boundary()
        own_type = media_type.partition(";")[0]
        headers = {"Content-Type": boundary.content_type(own_type), "Vary": "Accept", "ETag": tag}
        address = self._links.instance(instance.key)
        parts = _parts(frames, (f"{address}/frames/{number}" for number in numbers), media_type)
        return body_response(
            request, headers, multipart(boundary, parts), narrower=_NARROWER, max_body_bytes=self._max_body_bytes
        )

    def _chosen(self, request: Request, description: PixelDescription, *, is_single: bool) -> tuple[Form, str]:
        stored = description.transfer_syntax_uid
        compressed = frame_media_type(stored)
        media_types = dict.fromkeys([OCTET_STREAM, *([compressed] if compressed else []), *MADE_AS])
        offers = [Offer(media_type, is_multipart=True) for media_type in media_types]
        if is_single:
            offers += [Offer(media_type) for media_type in media_types]
        for form in acceptable(request.accept, offers):
            if syntax := self._syntax(form, stored, description):
                return form, syntax
        raise not_acceptable(offers)

    def _syntax(self, form: Form, stored: str, description: PixelDescription) -> str | None:
        """The transfer syntax in which the form has the frames; None if they cannot be made so."""
        wanted = form.transfer_syntax_uid
        if form.offer.media_type == OCTET_STREAM:
            if wanted == ANY_TRANSFER_SYNTAX or (wanted and wanted == stored):
                # Uncompressed frames leave in little endian whatever they are stored in, PS3.18 8.7.3.3.1
                return str(ExplicitVRLittleEndian) if stored in NATIVE else stored
            if wanted in ("", ExplicitVRLittleEndian) and self._retrieve.can_decode(description):
                return str(ExplicitVRLittleEndian)
            # What exists in this form only is the default too, PS3.18 8.7.3.4
            return stored if not wanted else None
        if form.offer.media_type == frame_media_type(stored) and wanted in ("", ANY_TRANSFER_SYNTAX, stored):
            return stored
        made = MADE_AS.get(form.offer.media_type)
        if made and wanted in ("", made) and self._retrieve.can_encode(description, made):
            return made
        return None

    def _frames(
        self, instance: Instance, description: PixelDescription, numbers: Sequence[int], syntax: str
    ) -> Generator[Frame, None, None]:
        if syntax == description.transfer_syntax_uid:
            return self._retrieve.stored(instance, numbers)
        if syntax == ExplicitVRLittleEndian:
            return self._retrieve.uncompressed(instance, numbers)
        return self._retrieve.compressed(instance, numbers, syntax)


def _parts(
    frames: Generator[Frame, None, None], locations: Iterable[str], media_type: str
) -> Generator[BodyPart, None, None]:
    with closing(frames):
        for frame, location in zip(frames, locations, strict=True):
            yield BodyPart(media_type, location, (piece for piece in (frame.content,)))
