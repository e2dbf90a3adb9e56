"""Instances on their way out, PS3.18 Section 10.4.3."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

from imaging.dicomweb.conditions import entity_tag, precondition_response, range_asked
from imaging.dicomweb.instance_body import MultipartBody, instance_media_type
from imaging.dicomweb.media_types import DICOM, Form
from imaging.dicomweb.message import Request, Response, error_response
from imaging.dicomweb.stream import Stream, gathered
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading.retrieve_instances import Extent, Part, RetrieveInstances


class RetrieveResponse:
    """Sends instances, in one piece or as a stream.

    Parameters
    ----------
    max_body_bytes
        What the process that answers can send; None: bodies of any size, as streams.
    """

    def __init__(self, retrieve: RetrieveInstances, links: Links, max_body_bytes: int | None) -> None:
        self._retrieve = retrieve
        self._links = links
        self._max_body_bytes = max_body_bytes

    def __call__(self, request: Request, instances: Sequence[Instance], forms: Sequence[Form]) -> Response:
        """Send instances in the first of `forms` that can hold them.

        One that is too large goes as a redirection if the client takes a single
        part; the bytes then come from the bucket.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` if no form allows the transfer syntaxes they are
            stored in; `TOO_LARGE` if they fit into none.
        Unavailable
            The first bytes cannot be read.
        """
        suitable = _suitable(instances, forms)
        if suitable[0].is_multipart:
            body = MultipartBody(instances, self._links)
            headers = {"Content-Type": body.content_type, "Vary": "Accept"}
            if self._fits(body):
                return self._sent(request, HTTPStatus.OK, headers, body)
            if all(form.is_multipart for form in suitable):
                raise Rejected(
                    RejectReason.TOO_LARGE,
                    f"The answer is over {self._max_body_bytes} bytes; retrieve instance by instance, with "
                    f"Accept: {DICOM} for the single-part form, which has no limit.",
                )
        return self._single(request, instances[0])

    def _single(self, request: Request, instance: Instance) -> Response:
        tag, size_bytes = entity_tag(instance), instance.size_bytes
        if forbidden := precondition_response(request, tag):
            return forbidden
        headers = {
            "Content-Type": instance_media_type(instance),
            "Vary": "Accept",
            "ETag": tag,
            "Accept-Ranges": "bytes",
        }
        status, body = HTTPStatus.OK, Extent.whole(instance)
        if asked := range_asked(request, tag, size_bytes):
            first, last = asked
            if last < first:
                return error_response(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                    f"The instance has {size_bytes} bytes, counted from 0; ask for a range within them.",
                    {"Content-Range": f"bytes */{size_bytes}"},
                )
            status, body = HTTPStatus.PARTIAL_CONTENT, Extent(instance, first, last - first + 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{size_bytes}"
        if self._fits([body]):
            return self._sent(request, status, headers, [body])
        address = self._retrieve.signed_address(instance, instance_media_type(instance))
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


def _suitable(instances: Sequence[Instance], forms: Sequence[Form]) -> list[Form]:
    stored = frozenset(instance.arrival.transfer_syntax_uid for instance in instances)
    suitable = [form for form in forms if form.suits(stored)]
    if not suitable:
        raise Rejected(
            RejectReason.NOT_ACCEPTABLE,
            f"The instances are stored as {', '.join(sorted(stored))} and are not transcoded; "
            "ask for that transfer syntax, or for transfer-syntax=*.",
        )
    return suitable


def _size_bytes(body: Iterable[Part]) -> int:
    return sum(map(len, body))
