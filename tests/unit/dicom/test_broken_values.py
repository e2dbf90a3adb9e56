from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.broken_values import MAX_NAMED, broken_values
from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.errors import Rejected
from tests.unit.dicom.files import element, identifiers, item, part10, sequence

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"


def file_of(*elements: bytes) -> bytes:
    first, then = identifiers()
    return part10(first + then + b"".join(elements))


def broken(content: bytes) -> list[str]:
    return broken_values(read_header(BytesSource(content)))


def left_out(content: bytes) -> list[str]:
    paths: list[str] = []
    to_dicom_json(read_header(BytesSource(content)), paths)
    return paths


def test_names_values_that_break_their_vr_and_no_others() -> None:
    content = file_of(
        element(0x00200010, "SH", "far too long for a short string, and kept"),
        element(0x00200011, "IS", "first"),
        element(0x00189073, "FD", b"\1\2"),
        sequence(0x00400275, item(b""), item(element(0x00400002, "DA", "noon"))),
    )
    assert broken(content) == ["00189073", "00200011", "00400275/1/00400002"]


def test_names_no_more_than_anyone_reads() -> None:
    items = [item(element(0x00400002, "DA", "noon"))] * (MAX_NAMED + 1)
    assert len(broken(file_of(sequence(0x00400275, *items)))) == MAX_NAMED


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.dcm")), ids=lambda file: file.name)
def test_names_what_the_metadata_leaves_out_of_real_files(file: Path) -> None:
    content = file.read_bytes()
    try:
        read_header(BytesSource(content))
    except Rejected:
        pytest.skip("not stored")
    assert sorted(broken(content)) == sorted(left_out(content))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "IS", "LO", "PN", "SS", "TM", "UI", "US"]),
            st.binary(max_size=20),
        ),
        max_size=5,
    )
)
def test_names_what_the_metadata_leaves_out_of_any_bytes(values: list[tuple[str, bytes]]) -> None:
    content = file_of(
        *(element(0x00210010 + number, vr, value) for number, (vr, value) in enumerate(values)),
        sequence(0x00400275, item(b"".join(element(0x00210010, vr, value) for vr, value in values[:1]))),
    )
    assert broken(content) == left_out(content)
