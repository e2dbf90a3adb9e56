"""The statuses of DIMSE responses; PS3.4 Table B.2-1 and Annex C, PS3.7 Annex C."""

import textwrap
from collections.abc import Mapping

from pydicom import Dataset

from imaging.errors import RejectReason

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110  # ours, and not foreseen
NO_SUCH_SOP_CLASS = 0x0122  # PS3.7 C.5.6
# Of N-ACTION, PS3.7 Section 10.1.4.1.10
NO_SUCH_SOP_INSTANCE = 0x0112
INVALID_ARGUMENT_VALUE = 0x0115
NO_SUCH_SOP_CLASS_OF_ACTION = 0x0118
NO_SUCH_ACTION = 0x0123
RESOURCE_LIMITATION = 0x0213
OUT_OF_RESOURCES = 0xA700  # of the A7xx family, the one that is worth another try
# Of C-FIND, C-MOVE and C-GET, PS3.4 Tables C.4-1 to C.4-3
PENDING = 0xFF00
PENDING_WITH_WARNING = 0xFF01  # optional keys are not supported for existence or matching
CANCELLED = 0xFE00
SOME_FAILED = 0xB000  # sub-operations complete, one or more failures or warnings
TOO_MANY_MATCHES = 0xA701  # refused: out of resources, unable to calculate number of matches
NONE_SENT = 0xA702  # refused: out of resources, unable to perform sub-operations
MOVE_DESTINATION_UNKNOWN = 0xA801
IDENTIFIER_DOES_NOT_MATCH = 0xA900
UNABLE_TO_PROCESS = 0xC000

MAX_ERROR_COMMENT_CHARACTERS = 64  # Error Comment (0000,0902) is an LO, PS3.7 Annex E

STATUS_OF_REASON: Mapping[RejectReason, int] = {
    # Refused: Out of Resources
    RejectReason.TOO_LARGE: 0xA701,
    RejectReason.NO_SUCH_SPACE: 0xA702,
    # Error: Data Set does not match SOP Class
    RejectReason.SOP_CLASS_MISMATCH: 0xA900,
    # Error: Cannot understand
    RejectReason.NOT_DICOM: 0xC000,
    RejectReason.TRUNCATED: 0xC001,
    RejectReason.MISSING_IDENTIFIER: 0xC002,
    RejectReason.INVALID_IDENTIFIER: 0xC003,
    RejectReason.OTHER_STUDY: 0xC004,
    RejectReason.OTHER_BYTES_STORED: 0xC005,
    # No C-STORE meets these
    RejectReason.NO_SUCH_RESOURCE: PROCESSING_FAILURE,
    RejectReason.MALFORMED_REQUEST: PROCESSING_FAILURE,
    RejectReason.UNSUPPORTED_MEDIA_TYPE: PROCESSING_FAILURE,
    RejectReason.NOT_ACCEPTABLE: PROCESSING_FAILURE,
}


# PS3.7 Annex C.1 and PS3.4 Table B.2-1, beside the B000 family: the peer has stored the instance.
_WARNINGS = {0x0001, 0x0107, 0x0116}


def is_stored(status: int) -> bool:
    """Whether the answer to a C-STORE says that the instance was stored, be it with a warning."""
    return status == SUCCESS or status in _WARNINGS or status >> 12 == 0xB


def response(status: int, comment: str = "") -> Dataset:
    """Return the elements of a response that tell the outcome.

    Parameters
    ----------
    status
        For Status (0000,0900).
    comment
        For Error Comment (0000,0902): cut to 64 characters of ASCII, left out
        when empty.
    """
    ds = Dataset()
    ds.Status = status
    if comment:
        plain = comment.encode("ascii", "replace").decode().replace("\\", "/")  # a backslash separates values
        ds.ErrorComment = textwrap.shorten(plain, MAX_ERROR_COMMENT_CHARACTERS, placeholder="...")
    return ds
