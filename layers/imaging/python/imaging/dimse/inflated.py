"""A deflated data set of a message, which a few bytes of may blow up a thousandfold; PS3.5 Section A.5."""

import zlib

from imaging.errors import Rejected, RejectReason


def inflated(encoded: bytes, most_bytes: int) -> bytes:
    """Inflate a data set, but no more of it than is of use.

    Raises
    ------
    Rejected
        `NOT_DICOM`; `TOO_LARGE` if it becomes larger than `most_bytes`.
    """
    try:
        whole = zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded, most_bytes + 1)
    except zlib.error as error:
        raise Rejected(RejectReason.NOT_DICOM, "The deflated data set cannot be inflated.") from error
    if len(whole) > most_bytes:
        raise Rejected(RejectReason.TOO_LARGE, f"The data set has at most {most_bytes} bytes when inflated.")
    return whole
