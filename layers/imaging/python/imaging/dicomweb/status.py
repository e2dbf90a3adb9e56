"""What a refusal is called on the web; PS3.18 Tables 8.5-1, 10.5.3-1 and I.2-2."""

from http import HTTPStatus

from imaging.errors import RejectReason

PROCESSING_FAILURE = 0x0110
"""Of an instance, where no more is to be said: Table I.2-2."""

_WIRE_FORMS: dict[RejectReason, tuple[HTTPStatus, int]] = {
    # The status of a request that fails as a whole, and the Failure Reason of one instance in a store request.
    RejectReason.NOT_DICOM: (HTTPStatus.BAD_REQUEST, 0xC000),  # Cxxx: cannot understand
    RejectReason.TRUNCATED: (HTTPStatus.BAD_REQUEST, 0xC001),
    RejectReason.MISSING_IDENTIFIER: (HTTPStatus.BAD_REQUEST, 0xC002),
    RejectReason.INVALID_IDENTIFIER: (HTTPStatus.BAD_REQUEST, 0xC003),
    RejectReason.OTHER_STUDY: (HTTPStatus.CONFLICT, 0xC004),
    RejectReason.UNSUPPORTED_MEDIA_TYPE: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 0xC005),
    RejectReason.SOP_CLASS_MISMATCH: (HTTPStatus.CONFLICT, 0xA900),  # A9xx: data set does not match SOP Class
    RejectReason.OTHER_BYTES_STORED: (HTTPStatus.CONFLICT, 0x0111),  # duplicate SOP Instance, PS3.7 Annex C.5.7
    RejectReason.TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 0xA700),  # A7xx: out of resources
    # These concern a whole request; no instance is refused for them.
    RejectReason.NO_SUCH_SPACE: (HTTPStatus.NOT_FOUND, PROCESSING_FAILURE),
    RejectReason.NO_SUCH_RESOURCE: (HTTPStatus.NOT_FOUND, PROCESSING_FAILURE),
    RejectReason.MALFORMED_REQUEST: (HTTPStatus.BAD_REQUEST, PROCESSING_FAILURE),
    RejectReason.NOT_ACCEPTABLE: (HTTPStatus.NOT_ACCEPTABLE, PROCESSING_FAILURE),
}

NOT_ANSWERED = "A part of this service did not answer; ask again in a moment."
"""With 503, to whoever reads."""


def http_status(reason: RejectReason) -> HTTPStatus:
    """The status of a request that was refused as a whole."""
    return _WIRE_FORMS[reason][0]


def failure_reason(reason: RejectReason) -> int:
    """The Failure Reason (0008,1197) of an instance in a store request."""
    return _WIRE_FORMS[reason][1]
