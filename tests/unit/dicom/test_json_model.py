import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from pydicom.data import get_charset_files

from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.json_model import to_dicom_json
from tests.unit.dicom.files import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    SOP_CLASS_UID,
    element,
    identifiers,
    item,
    part10,
    pydicom_file,
    sequence,
)

FIRST, THEN = identifiers()


def converted(*elements: bytes, left_out: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """The JSON of some elements, without the identifiers'."""
    header = read_header(BytesSource(part10(FIRST + b"".join(elements) + THEN)))
    attributes = to_dicom_json(header, left_out)
    return {tag: attributes[tag] for tag in attributes if tag not in {"00080016", "00080018", "0020000D", "0020000E"}}


@pytest.mark.parametrize(
    ("vr", "value", "values"),
    [
        ("AE", b" STORE ", ["STORE"]),
        ("AS", b"034Y", ["034Y"]),
        ("AT", b"\x10\x00\x20\x00\x08\x00\x60\x00", ["00100020", "00080060"]),
        ("CS", b"DERIVED \\PRIMARY", ["DERIVED", "PRIMARY"]),
        ("CS", b"A\\\\B ", ["A", None, "B"]),
        ("DA", b"20260228", ["20260228"]),
        ("DS", b" 1.50\\-2e3 ", [1.5, -2000.0]),
        ("DS", b"1.0\\\\2", [1.0, None, 2.0]),
        ("DT", b"20260102030405.678+0100 ", ["20260102030405.678+0100"]),
        ("DT", b"2026", ["2026"]),
        ("FD", pack("<d", 0.1), [0.1]),
        ("FL", pack("<ff", 0.5, -2), [0.5, -2.0]),
        ("IS", b"-12\\7 ", [-12, 7]),
        ("LO", b" text ", ["text"]),
        ("LT", b"  text\\text ", ["  text\\text"]),
        ("PN", b"Doe^Jane", [{"Alphabetic": "Doe^Jane"}]),
        ("PN", b"Doe=\\=Ideo=Phon ", [{"Alphabetic": "Doe"}, {"Ideographic": "Ideo", "Phonetic": "Phon"}]),
        ("SL", pack("<l", -5), [-5]),
        ("SS", pack("<hh", -5, 5), [-5, 5]),
        ("TM", b"235960.123456 ", ["235960.123456"]),
        ("TM", b"0304", ["0304"]),
        ("UC", b"a\\b ", ["a", "b"]),
        ("UI", b"1.2.3\0", ["1.2.3"]),
        ("UL", pack("<L", 0xFFFFFFFF), [0xFFFFFFFF]),
        ("UR", b"https://example.org/a ", ["https://example.org/a"]),
        ("US", pack("<H", 0xFFFF), [0xFFFF]),
        ("UT", b"a\\b ", ["a\\b"]),
    ],
)
def test_converts_values_by_their_vr(vr: str, value: bytes, values: list[Any]) -> None:
    assert converted(element(0x00091010, vr, value)) == {"00091010": {"vr": vr, "Value": values}}


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("AS", b"34 years"),
        ("AT", b"\x10\x00\x20"),
        ("DA", b"1997.04.24"),
        ("DA", b"20260230"),
        ("DS", b"1,5 "),
        ("DS", b"NaN "),
        ("DS", b"1e999 "),
        ("DT", b"20261301"),
        ("FD", pack("<d", float("nan"))),
        ("FL", pack("<f", float("inf"))),
        ("FL", b"ab"),
        ("IS", b"1.5 "),
        ("TM", b"14:04:38"),
        ("UI", b"1.2.x "),
        ("US", b"abcdef?"),
        ("XX", b"ab"),
    ],
)
def test_leaves_out_a_value_that_breaks_its_vr(vr: str, value: bytes) -> None:
    left_out: list[str] = []
    good = element(0x00091011, "LO", "good")
    bad = element(0x00091010, vr, value, length=len(value))
    if len(value) % 2:
        bad = bad[:-1]
    assert converted(bad, good, left_out=left_out) == {"00091011": {"vr": "LO", "Value": ["good"]}}
    assert left_out == ["00091010"]


@pytest.mark.parametrize("vr", ["LO", "PN", "DS", "US", "OB", "SQ", "UN", "DA"])
def test_an_empty_attribute_has_no_value(vr: str) -> None:
    assert converted(element(0x00091010, vr, b"")) == {"00091010": {"vr": vr}}


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
def test_short_binary_values_stand_inline_and_long_ones_are_linked(vr: str) -> None:
    assert converted(element(0x00091010, vr, b"\0\1\2\3")) == {"00091010": {"vr": vr, "InlineBinary": "AAECAw=="}}
    for size_bytes in (4_098, 100_000):
        linked = {"vr": vr, "BulkDataURI": "bulkdata/00091010"}
        assert converted(element(0x00091010, vr, bytes(size_bytes))) == {"00091010": linked}


def test_a_link_from_an_item_names_the_way_to_it() -> None:
    bulk = element(0x00091030, "OB", bytes(5_000))
    attributes = converted(sequence(0x00091010, item(b""), item(sequence(0x00091020, item(bulk)))))
    linked = attributes["00091010"]["Value"][1]["00091020"]["Value"][0]["00091030"]
    assert linked == {"vr": "OB", "BulkDataURI": "bulkdata/00091010/1/00091020/0/00091030"}


def test_what_is_left_out_of_an_item_is_named_by_the_way_to_it() -> None:
    left_out: list[str] = []
    attributes = converted(sequence(0x00081032, item(element(0x00080020, "DA", "x"))), left_out=left_out)
    assert attributes == {"00081032": {"vr": "SQ", "Value": [{}]}}
    assert left_out == ["00081032/0/00080020"]


def test_has_no_file_meta_information_and_no_group_length() -> None:
    content = part10(element(0x00080000, "UL", pack("<L", 100)) + FIRST + THEN)
    assert min(to_dicom_json(read_header(BytesSource(content)))) == "00080016"


def test_attributes_are_in_the_order_of_their_tags() -> None:
    header = read_header(BytesSource(part10(THEN + FIRST)))
    assert list(to_dicom_json(header)) == ["00080016", "00080018", "0020000D", "0020000E"]


@pytest.mark.parametrize(("representation", "vr", "value"), [(0, "US", 0xFFFE), (1, "SS", -2)])
def test_pixel_representation_decides_between_us_and_ss(representation: int, vr: str, value: int) -> None:
    def implicit(tag: int, value: bytes | str) -> bytes:
        return element(tag, "UN", value, implicit=True)

    data_set = (
        implicit(0x00080016, SOP_CLASS_UID)
        + implicit(0x00080018, "1.2.3")
        + implicit(0x0020000D, "1.2.1")
        + implicit(0x0020000E, "1.2.2")
        + implicit(0x00280103, pack("<H", representation))
        + implicit(0x00280106, b"\xfe\xff")
        + sequence(0x00283000, item(implicit(0x00283002, b"\xfe\xff" * 3)), implicit=True)
    )
    attributes = to_dicom_json(read_header(BytesSource(part10(data_set, IMPLICIT_VR_LITTLE_ENDIAN))))
    assert attributes["00280106"] == {"vr": vr, "Value": [value]}
    assert attributes["00283000"]["Value"][0]["00283002"]["vr"] == vr


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chrRuss.dcm", "Люкceмбypг"),  # noqa: RUF001 - as the file has it
        ("chrH31.dcm", "Yamada^Tarou"),
        ("chrX2.dcm", "Wang^XiaoDong"),
        ("chrArab.dcm", "قباني^لنزار"),
    ],
)
def test_text_is_unicode_whatever_the_file_is(name: str, expected: str) -> None:
    (path,) = get_charset_files(name)
    attributes = to_dicom_json(read_header(BytesSource(Path(path).read_bytes())))
    assert attributes["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert attributes["00100010"]["Value"][0]["Alphabetic"] == expected


def test_an_item_may_have_its_own_character_set() -> None:
    inner = element(0x00080005, "CS", "ISO_IR 192") + element(0x00080104, "LO", "Ärmel")
    attributes = converted(
        element(0x00080005, "CS", "ISO_IR 144"),
        element(0x00080104, "LO", "Люк".encode("iso8859-5")),
        sequence(0x00081032, item(inner)),
    )
    assert attributes["00080104"]["Value"] == ["Люк"]
    assert attributes["00081032"]["Value"][0]["00080104"]["Value"] == ["Ärmel"]


def test_an_unknown_character_set_does_not_hide_the_rest() -> None:
    attributes = converted(element(0x00080005, "CS", "KLINGON"), element(0x00100010, "PN", b"Doe^\xe4"))
    assert attributes["00100010"]["Value"][0]["Alphabetic"].startswith("Doe^")


def test_is_json_without_values_that_json_does_not_have() -> None:
    for name in ("CT_small.dcm", "waveform_ecg.dcm", "rtplan.dcm", "test-SR.dcm"):
        json.dumps(to_dicom_json(read_header(BytesSource(pydicom_file(name)))), allow_nan=False)


def test_warns_nobody_from_any_thread(capfd: pytest.CaptureFixture[str]) -> None:
    content = part10(
        element(0x00080005, "CS", "KLINGON") + FIRST + element(0x00100010, "PN", b"Doe^\xff\x1b$)C\xff") + THEN
    )

    def convert(_: int) -> dict[str, Any]:
        return to_dicom_json(read_header(BytesSource(content)))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(4) as pool:
            assert len(list(pool.map(convert, range(40)))) == 40
    assert "Doe" not in "".join(capfd.readouterr())
