"""Instances on their way out, PS3.18 Section 10.4.3."""

import secrets
from collections.abc import Sequence
from http import HTTPStatus

from imaging.dicomweb.media_types import DICOM, MULTIPART, Form
from imaging.dicomweb.message import MAX_BODY_BYTES, Response
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading.retrieve_instances import RetrieveInstances

_PART_OVERHEAD_BYTES = 512  # boundary and headers round each part


def media_type(instance: Instance) -> str:
    """The Content-Type of one instance, with the transfer syntax its bytes are in."""
    return f"{DICOM}; transfer-syntax={instance.arrival.transfer_syntax_uid}"


def retrieve_response(
    retrieve: RetrieveInstances, instances: Sequence[Instance], forms: Sequence[Form], links: Links
) -> Response:
    """Send instances in the first of `forms` that can hold them.

    One that is too large goes as a redirection if the client takes a single
    part; the bytes then come from the bucket.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE` if no form allows the transfer syntaxes they are stored
        in; `TOO_LARGE` if they fit into none.
    """
    stored = frozenset(instance.arrival.transfer_syntax_uid for instance in instances)
    suitable = [form for form in forms if form.suits(stored)]
    if not suitable:
        raise Rejected(
            RejectReason.NOT_ACCEPTABLE,
            f"The instances are stored as {', '.join(sorted(stored))} and are not transcoded; "
            "ask for that transfer syntax, or for transfer-syntax=*.",
        )
    total_bytes = sum(instance.size_bytes + _PART_OVERHEAD_BYTES for instance in instances)
    if total_bytes <= MAX_BODY_BYTES:
        bodies = retrieve.fetch(instances)
        return _multipart(instances, bodies, links) if suitable[0].is_multipart else _single(instances[0], bodies[0])
    if any(not form.is_multipart for form in suitable):
        address = retrieve.signed_address(instances[0], media_type(instances[0]))
        return Response(HTTPStatus.TEMPORARY_REDIRECT, {"Location": address, "Cache-Control": "no-store"})
    raise Rejected(
        RejectReason.TOO_LARGE,
        f"The answer is over {MAX_BODY_BYTES} bytes; retrieve instance by instance, with Accept: {DICOM} "
        "for the single-part form, which has no limit.",
    )


def _single(instance: Instance, body: bytes) -> Response:
    return Response(HTTPStatus.OK, {"Content-Type": media_type(instance), "Vary": "Accept"}, body)


def _multipart(instances: Sequence[Instance], bodies: Sequence[bytes], links: Links) -> Response:
    """PS3.18 8.6.1.2; each part says where it can be had alone."""
    boundary = secrets.token_hex(16)  # 128 random bits: in none of the parts
    chunks: list[bytes] = []
    for instance, body in zip(instances, bodies, strict=True):
        head = f"Content-Type: {media_type(instance)}\r\nContent-Location: {links.instance(instance.key)}"
        chunks += [f"--{boundary}\r\n{head}\r\n\r\n".encode(), body, b"\r\n"]
    chunks.append(f"--{boundary}--\r\n".encode())
    content_type = f'{MULTIPART}; type="{DICOM}"; boundary={boundary}'
    return Response(HTTPStatus.OK, {"Content-Type": content_type, "Vary": "Accept"}, b"".join(chunks))
