"""Whatever comes in, the answer is a header or a refusal."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.dicom.header import BytesSource, Header, read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.pixel_data import check_pixel_data
from imaging.errors import Rejected
from tests.unit.dicom.files import DEFLATED, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, part10, pydicom_file

FILES = ("CT_small.dcm", "MR_small_implicit.dcm", "image_dfl.dcm", "JPEG2000.dcm", "rtplan.dcm", "test-SR.dcm")


def take_in(content: bytes) -> Header | None:
    """All that is done with an instance; None if it was refused."""
    try:
        header = read_header(BytesSource(content))
        check_pixel_data(BytesSource(content), header)
    except Rejected:
        return None
    json.dumps(to_dicom_json(header), allow_nan=False).encode()
    return header


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400), st.sampled_from([EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, DEFLATED, "1.2.3"])
)
def test_random_bytes_after_the_file_meta_information(data_set: bytes, transfer_syntax_uid: str) -> None:
    assert take_in(part10(data_set, transfer_syntax_uid)) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_after_the_prefix(after: bytes) -> None:
    assert take_in(bytes(128) + b"DICM" + after) is None


def test_truncations_at_each_offset_of_the_header() -> None:
    content = pydicom_file("MR_small.dcm")
    whole = take_in(content)
    assert whole
    for end in range(whole.pixel_data_offset + 12):
        cut = take_in(content[:end])
        assert cut is None or end <= whole.pixel_data_offset  # between two elements nothing shows the cut


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_flipped_bits(name: str, data: st.DataObject) -> None:
    content = bytearray(pydicom_file(name)[:20_000])
    for offset in data.draw(st.lists(st.integers(128, min(len(content), 6_000) - 1), min_size=1, max_size=8)):
        content[offset] ^= 1 << data.draw(st.integers(0, 7))
    take_in(bytes(content))
