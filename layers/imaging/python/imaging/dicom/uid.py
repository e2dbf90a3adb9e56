"""Unique identifiers, PS3.5 Section 9."""

import re

from imaging.errors import Rejected, RejectReason

MAX_UID_LENGTH = 64  # PS3.5 9.1

_DIGITS_AND_DOTS = re.compile(r"[0-9]+(\.[0-9]+)*\Z")


def check_uid(keyword: str, uid: str | None) -> str:
    """Return `uid` if it can name an instance, a series or a study.

    Leading zeros in a component are let through: PS3.5 forbids them, devices
    write them, and an image is not lost for them. Everything else is exact,
    because a UID becomes part of an object key.

    Parameters
    ----------
    keyword
        The attribute it came from, for the message.
    uid
        As received, padding removed.

    Raises
    ------
    Rejected
        `MISSING_IDENTIFIER` if absent or empty, `INVALID_IDENTIFIER` if it has
        other characters than digits and dots, or more than 64.

    References
    ----------
    DICOM PS3.5 Section 9.1, *UID Encoding Rules*.
    """
    if not uid:
        raise Rejected(RejectReason.MISSING_IDENTIFIER, f"{keyword} is missing or empty; every instance needs one.")
    if len(uid) > MAX_UID_LENGTH or not _DIGITS_AND_DOTS.match(uid):
        raise Rejected(
            RejectReason.INVALID_IDENTIFIER,
            f"{keyword} is not a UID: it may have digits and single dots only, at most {MAX_UID_LENGTH} characters.",
        )
    return uid
