"""Values of DICOM JSON as bytes, PS3.5 Section 6.2."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.valuerep import BYTES_VR, VR

from imaging.dicom.value_field import BrokenValueError, value_field

VRS = sorted({vr.value for vr in VR if len(vr.value) == 2} - {vr.value for vr in BYTES_VR} - {"SQ"})


@pytest.mark.parametrize(
    ("vr", "values", "expected"),
    [
        ("CS", ["ORIGINAL", None, "AXIAL"], b"ORIGINAL\\\\AXIAL"),
        ("LO", ["Müller"], "Müller".encode()),
        ("LO", ["lone \ud800 surrogate"], b"lone ? surrogate"),
        ("PN", [{"Alphabetic": "A^B", "Phonetic": "C"}], b"A^B==C"),
        ("PN", [{"Alphabetic": "A^B"}, None, {}], b"A^B\\\\"),
        ("PN", ["A^B"], b"A^B"),
        ("DS", [1.5, "2.50", 3, 0.1 + 0.2, 1e-300, 2.0], b"1.5\\2.50\\3\\0.30000000000000\\1e-300\\2"),
        ("IS", [7, "8", 9.0, 10**12], b"7\\8\\9\\1000000000000"),
        ("AT", ["00080018", "7fe00010"], b"\x08\x00\x18\x00\xe0\x7f\x10\x00"),
        ("US", [1, 65535, "2", 3.0], b"\x01\x00\xff\xff\x02\x00\x03\x00"),
        ("SS", [-1], b"\xff\xff"),
        ("SV", ["-9223372036854775808"], b"\0\0\0\0\0\0\0\x80"),
        ("FD", [1], b"\0\0\0\0\0\0\xf0\x3f"),
        ("FL", [float("inf")], b"\0\0\x80\x7f"),
        ("US", [None], b""),
        ("LT", [], b""),
    ],
)
def test_encodes_values(vr: str, values: list[Any], expected: bytes) -> None:
    assert value_field(0x00090001, vr, values) == expected


@pytest.mark.parametrize(
    ("vr", "value"), [("DA", "20231301"), ("IS", "abc"), ("DS", "1,5"), ("UI", "not a UID"), ("SH", "x" * 100)]
)
def test_writes_a_string_that_breaks_its_vr_as_it_is(vr: str, value: str) -> None:
    assert value_field(0x00090001, vr, [value]) == value.encode()


def test_writes_the_first_value_of_a_lookup_table_descriptor_unsigned() -> None:
    assert value_field(0x00283002, "SS", [65535, -1024, 16]) == b"\xff\xff\x00\xfc\x10\x00"


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("US", 65536),
        ("US", -1),
        ("US", 1.5),
        ("US", "abc"),
        ("US", True),
        ("US", "1" * 5000),
        ("SS", 65535),
        ("UV", 1 << 64),
        ("FL", 1e39),
        ("FD", 10**400),
        ("UL", float("nan")),
        ("DS", float("nan")),
        ("DS", True),
        ("IS", []),
        ("LO", 5),
        ("UI", {}),
        ("PN", {"Alphabetic": 5}),
        ("AT", "0008001"),
        ("AT", 524312),
    ],
)
def test_refuses_a_value_of_the_wrong_type_or_range(vr: str, value: Any) -> None:
    with pytest.raises(BrokenValueError):
        value_field(0x00090001, vr, [value])


def test_refuses_a_null_among_binary_numbers() -> None:
    with pytest.raises(BrokenValueError):
        value_field(0x00090001, "US", [1, None])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Alphabetic", "x"]), inner),
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(VRS), st.lists(json_values, max_size=4), st.sampled_from([0x00283002, 0x00100010]))
def test_gives_bytes_or_a_refusal_without_the_value(vr: str, values: list[Any], tag: int) -> None:
    message = complaint(tag, vr, values)
    assert not any(isinstance(value, str) and len(value) > 8 and value in message for value in values)


def complaint(tag: int, vr: str, values: list[Any]) -> str:
    """Empty if there is none."""
    try:
        assert isinstance(value_field(tag, vr, values), bytes)
    except BrokenValueError as error:
        return str(error)
    return ""
