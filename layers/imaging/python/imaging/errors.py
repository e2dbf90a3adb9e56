"""What can go wrong, whose fault it is, and whether trying again helps.

::

    ImagingError
    ├── Rejected      the sender's fault; never retried
    └── Unavailable   ours; retried by the queue that delivered the work

A reason speaks no protocol. `imaging.dicomweb.status` and
`imaging.dimse.status` give each one its wire form.
"""

import traceback
from enum import Enum, unique


@unique
class RejectReason(Enum):
    """Why something that came from outside was not accepted."""

    NOT_DICOM = "not DICOM"
    TRUNCATED = "truncated"
    MISSING_IDENTIFIER = "missing identifier"
    INVALID_IDENTIFIER = "invalid identifier"
    OTHER_STUDY = "other study"
    SOP_CLASS_MISMATCH = "SOP class mismatch"
    OTHER_BYTES_STORED = "other bytes stored"
    TOO_LARGE = "too large"
    NO_SUCH_SPACE = "no such space"
    NO_SUCH_RESOURCE = "no such resource"
    MALFORMED_REQUEST = "malformed request"
    UNSUPPORTED_MEDIA_TYPE = "unsupported media type"
    NOT_ACCEPTABLE = "not acceptable"


class ImagingError(Exception):
    """Any failure this package raises on purpose.

    The message is one sentence that says what is wrong and how to mend it. It
    may name UIDs; it never carries another attribute of a patient or study.
    """


class Rejected(ImagingError):
    """The request or the instance cannot be accepted as it is.

    Parameters
    ----------
    reason
        What was wrong, without a protocol's vocabulary.
    message
        One sentence for the sender.
    sop_class_uid, sop_instance_uid
        Of the instance, as far as they could be read: responses name it by them.
    """

    def __init__(
        self, reason: RejectReason, message: str, *, sop_class_uid: str = "", sop_instance_uid: str = ""
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = sop_instance_uid


class Unavailable(ImagingError):
    """Something we depend on did not answer, or lost a race; try again later.

    Parameters
    ----------
    message
        One sentence.
    wait_seconds
        How long it asked to be left alone; 0 if it did not say.
    """

    def __init__(self, message: str, *, wait_seconds: float = 0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


def nameless(failure: BaseException) -> dict[str, str | int | None]:
    """What a log may say of a failure that nobody foresaw: its kind and place.

    Its message may quote what was being read, a patient's name for example.
    """
    place = traceback.extract_tb(failure.__traceback__)[-1]
    return {"failure": type(failure).__name__, "file": place.filename, "line": place.lineno}
