import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.header import BytesSource, read_header
from imaging.errors import Rejected
from tests.unit.dicom.files import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    UNDEFINED,
    element,
    identifiers,
    instance_file,
    part10,
    pydicom_file,
)

DATA_SET = b"".join(identifiers())


def beginning(content: bytes) -> bytes:
    return missing_beginning(BytesSource(content))


@pytest.mark.parametrize(
    ("name", "transfer_syntax_uid"),
    [
        ("ExplVR_BigEndNoMeta.dcm", EXPLICIT_VR_BIG_ENDIAN),
        ("ExplVR_LitEndNoMeta.dcm", EXPLICIT_VR_LITTLE_ENDIAN),
        ("rtstruct.dcm", IMPLICIT_VR_LITTLE_ENDIAN),
    ],
)
def test_makes_a_file_of_a_data_set_that_stands_alone(name: str, transfer_syntax_uid: str) -> None:
    content = pydicom_file(name)
    header = read_header(BytesSource(beginning(content) + content))
    assert header.transfer_syntax_uid == transfer_syntax_uid
    assert header.data_set_offset == len(beginning(content))
    assert header.media_storage_sop_instance_uid == header.sop_instance_uid


def test_makes_a_file_of_one_that_lost_its_preamble() -> None:
    whole = instance_file()
    assert beginning(whole[132:]) + whole[132:] == whole


@pytest.mark.parametrize(
    "content",
    [
        instance_file(),
        b"",
        b"\x08\0",
        b"%PDF-1.7",
        DATA_SET[:-8],
        DATA_SET + element(0x7FE00010, "OB", b"", length=UNDEFINED),  # nothing says how it is compressed
        b"\x20" + DATA_SET,
    ],
)
def test_leaves_alone_what_is_whole_or_beyond_help(content: bytes) -> None:
    assert beginning(content) == b""


def test_the_same_data_set_always_makes_the_same_file() -> None:
    assert beginning(DATA_SET) == beginning(DATA_SET) == part10(b"")


@given(st.sampled_from([b"\x08\0", b"\0\x08", b"\x02\0", b""]), st.binary(max_size=200))
def test_any_bytes_make_a_file_or_are_left_alone(start: bytes, content: bytes) -> None:
    try:
        read_header(BytesSource(beginning(start + content) + start + content))
    except Rejected as rejected:
        assert str(rejected)  # noqa: PT017 - a file or a refusal, either is right
