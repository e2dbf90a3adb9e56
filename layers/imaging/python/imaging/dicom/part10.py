"""File Meta Information for a data set that arrives without one; PS3.10 Section 7.1."""

from struct import pack

IMPLEMENTATION_CLASS_UID = (
    "2.25.61503848284915763420938129347106233457"  # of no release: the same data set, the same file
)
IMPLEMENTATION_VERSION_NAME = "IMAGING"


def file_meta_information(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Make what a file has before its data set: preamble, prefix and File Meta Information.

    It says nothing of the sender or of us that could change, so that the same
    data set always makes the same file.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid
        As the data set has them.
    transfer_syntax_uid
        In which the data set is encoded.
    """
    elements = b"".join(
        (
            pack("<HH2s2xL2s", 0x0002, 0x0001, b"OB", 2, b"\x00\x01"),  # File Meta Information Version
            _text(0x0002, b"UI", sop_class_uid, b"\0"),
            _text(0x0003, b"UI", sop_instance_uid, b"\0"),
            _text(0x0010, b"UI", transfer_syntax_uid, b"\0"),
            _text(0x0012, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
            _text(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
        )
    )
    group_length = pack("<HH2sHL", 0x0002, 0x0000, b"UL", 4, len(elements))
    return bytes(128) + b"DICM" + group_length + elements


def _text(element: int, vr: bytes, value: str, padding: bytes) -> bytes:
    """An element of group 0002 in Explicit VR Little Endian, padded to even length: PS3.5 Section 6.2."""
    encoded = value.encode("ascii")
    encoded += padding * (len(encoded) % 2)
    return pack("<HH2sH", 0x0002, element, vr, len(encoded)) + encoded
