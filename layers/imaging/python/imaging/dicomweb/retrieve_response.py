"""Instances on their way out, PS3.18 Section 10.4.3: as they are stored, or transcoded one by one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from imaging.dicomweb.body_response import body_response
from imaging.dicomweb.conditions import entity_tag, precondition_response, range_asked
from imaging.dicomweb.instance_body import StoredInstances, instance_files, instance_media_type, instance_parts
from imaging.dicomweb.media_types import DICOM, ZIP, Form, Offer
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.multipart_body import Boundary, multipart
from imaging.dicomweb.single_body import not_satisfiable
from imaging.dicomweb.stream import Stream, gathered
from imaging.dicomweb.transfer_syntaxes import selected
from imaging.dicomweb.zip_body import zip_body
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading.encode_instances import EncodeInstances, Encoding
from imaging.reading.retrieve_instances import Extent, Part, RetrieveInstances

_NARROWER = (
    f"retrieve instance by instance, with Accept: {DICOM}; transfer-syntax=* for the single-part form, "
    "which has no limit"
)


@dataclass(frozen=True)
class _Choice:
    """A form, and the transfer syntax of each instance in it."""

    offer: Offer
    encodings: tuple[Encoding, ...]

    @property
    def is_as_stored(self) -> bool:
        return all(encoding.is_as_stored for encoding in self.encodings)


class RetrieveResponse:
    """Sends instances, in one piece or as a stream.

    Parameters
    ----------
    max_body_bytes
        What the process that answers can send; None: bodies of any size, as streams.
    """

    def __init__(
        self, retrieve: RetrieveInstances, encode: EncodeInstances, links: Links, max_body_bytes: int | None
    ) -> None:
        self._retrieve = retrieve
        self._encode = encode
        self._links = links
        self._max_body_bytes = max_body_bytes

    def __call__(self, request: Request, instances: Sequence[Instance], forms: Sequence[Form]) -> Response:
        """Send instances in the first of `forms` in which they can be made.

        One that is too large goes as a redirection if the client takes it alone
        and as it is stored; the bytes then come from the bucket. Where some can
        be made in no acceptable transfer syntax the others are sent, as 206.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` if no form can be made; `TOO_LARGE` if they fit into none.
        Unavailable
            The first bytes cannot be read.
        """
        choices = self._choices(instances, forms)
        choice = choices[0]
        status = HTTPStatus.OK if len(choice.encodings) == len(instances) else HTTPStatus.PARTIAL_CONTENT
        if choice.offer.media_type == ZIP:
            return self._zipped(request, choice, status)
        if not choice.offer.is_multipart:
            return self._single(request, choice.encodings[0])
        if not choice.is_as_stored:
            return self._transcoded(request, choice, status)
        body = StoredInstances([encoding.instance for encoding in choice.encodings], self._links)
        if self._fits(body):
            return self._sent(request, status, {"Content-Type": body.content_type, "Vary": "Accept"}, body)
        for other in choices:
            if not other.offer.is_multipart and other.offer.media_type == DICOM:
                return self._single(request, other.encodings[0])
        raise Rejected(RejectReason.TOO_LARGE, f"The answer is over {self._max_body_bytes} bytes; {_NARROWER}.")

    def _choices(self, instances: Sequence[Instance], forms: Sequence[Form]) -> list[_Choice]:
        """What can be made, best first; that of all instances before that of some."""
        choices = []
        for offer in dict.fromkeys(form.offer for form in forms):
            wanted = [form.transfer_syntax_uid for form in forms if form.offer == offer]
            encodings = tuple(
                Encoding(instance, syntax) for instance in instances if (syntax := self._selected(wanted, instance))
            )
            if encodings:
                choices.append(_Choice(offer, encodings))
        if not choices:
            stored = {instance.arrival.transfer_syntax_uid for instance in instances}
            raise Rejected(
                RejectReason.NOT_ACCEPTABLE,
                f"What is stored as {', '.join(sorted(stored))} cannot be made in the transfer syntax asked for; "
                "leave it out of the Accept header, or say transfer-syntax=*.",
            )
        return sorted(choices, key=lambda choice: len(choice.encodings) < len(instances))

    def _selected(self, wanted: Sequence[str], instance: Instance) -> str | None:
        return selected(wanted, instance.arrival.transfer_syntax_uid, lambda: self._encode.targets(instance))

    def _transcoded(self, request: Request, choice: _Choice, status: HTTPStatus) -> Response:
        boundary = Boundary()
        parts = instance_parts(self._encode(choice.encodings), self._links)
        return body_response(
            request,
            {"Content-Type": boundary.content_type(DICOM), "Vary": "Accept"},
            multipart(boundary, parts),
            narrower=_NARROWER,
            max_body_bytes=self._max_body_bytes,
            status=status,
        )

    def _zipped(self, request: Request, choice: _Choice, status: HTTPStatus) -> Response:
        key = choice.encodings[0].instance.key
        headers = {
            "Content-Type": ZIP,
            "Content-Disposition": f'attachment; filename="{key.study_instance_uid}.zip"',
            "Vary": "Accept",
        }
        body = zip_body(instance_files(self._encode(choice.encodings)))
        return body_response(
            request, headers, body, narrower=_NARROWER, max_body_bytes=self._max_body_bytes, status=status
        )

    def _single(self, request: Request, encoding: Encoding) -> Response:
        instance = encoding.instance
        tag = entity_tag(instance, "" if encoding.is_as_stored else encoding.transfer_syntax_uid)
        if forbidden := precondition_response(request, tag):
            return forbidden
        headers = {"Content-Type": instance_media_type(encoding), "Vary": "Accept", "ETag": tag}
        if not encoding.is_as_stored:
            body = self._encode.one(encoding)
            return body_response(
                request, headers, body, narrower="ask for transfer-syntax=*", max_body_bytes=self._max_body_bytes
            )
        headers["Accept-Ranges"] = "bytes"
        status, extent = HTTPStatus.OK, Extent.whole(instance)
        if asked := range_asked(request, tag, instance.size_bytes):
            first, last = asked
            if last < first:
                return not_satisfiable(instance.size_bytes)
            status, extent = HTTPStatus.PARTIAL_CONTENT, Extent(instance, first, last - first + 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{instance.size_bytes}"
        if self._fits([extent]):
            return self._sent(request, status, headers, [extent])
        address = self._retrieve.signed_address(instance, instance_media_type(encoding))
        return Response(HTTPStatus.TEMPORARY_REDIRECT, {"Location": address, "Cache-Control": "no-store"})

    def _fits(self, body: Iterable[Part]) -> bool:
        return self._max_body_bytes is None or _size_bytes(body) <= self._max_body_bytes

    def _sent(self, request: Request, status: HTTPStatus, headers: dict[str, str], body: Iterable[Part]) -> Response:
        if self._max_body_bytes is not None:
            return Response(status, headers, b"".join(self._retrieve.stream(body)))
        headers |= {"Content-Length": str(_size_bytes(body))}
        if request.is_head:
            return Response(status, headers)
        return Response(status, headers, stream=Stream(gathered(self._retrieve.stream(body))))


def _size_bytes(body: Iterable[Part]) -> int:
    return sum(map(len, body))
