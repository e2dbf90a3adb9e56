"""The Native DICOM Model as it is written, PS3.19 Section A.1; what reads it gets the same data set."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.byte_source import BytesSource
from imaging.dicom.header import read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.native_model import read_native_model
from imaging.dicom.native_model_document import NAMESPACE, native_model_document
from imaging.dicom.value_field import value_field
from imaging.errors import Rejected

FOLDER = Path(pydicom.__file__).parent / "data"


def comes_back(data_set: dict[str, Any]) -> dict[str, Any]:
    (found,) = read_native_model(native_model_document(data_set))
    return found


def encoded(data_set: dict[str, Any]) -> dict[str, Any]:
    """The values as they stand in a file: XML has no numbers, and a name needs no trailing ``^``."""
    found: dict[str, Any] = {}
    for tag, attribute in data_set.items():
        vr, values = attribute["vr"], attribute.get("Value", [])
        if vr == "SQ":
            found[tag] = [encoded(item) for item in values]
        elif vr == "PN":
            found[tag] = [{group: text.rstrip("^") for group, text in (value or {}).items()} for value in values]
        elif "Value" in attribute:
            found[tag] = value_field(int(tag, 16), vr, values)
        else:
            found[tag] = attribute
    return found


def json_of_every_file() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(FOLDER.rglob("*.dcm")):
        content = path.read_bytes()
        try:
            header = read_header(BytesSource(missing_beginning(BytesSource(content)) + content))
        except Rejected:
            continue
        found.append((path.name, to_dicom_json(header)))
    return found


def test_real_data_sets_come_back() -> None:
    for name, data_set in json_of_every_file():
        assert encoded(comes_back(data_set)) == encoded(data_set), name


def test_a_document_is_as_the_standard_has_it() -> None:
    data_set = {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.3"]}}]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane^^Dr", "Ideographic": "山田^花子"}]},
        "00290010": {"vr": "LO", "Value": ["OURS"]},
        "00291005": {"vr": "OB", "InlineBinary": "AAEC"},
        "7FE00010": {"vr": "OW", "BulkDataURI": "https://x.example/a?b=1&c=2"},
    }
    assert native_model_document(data_set).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
        '<DicomAttribute tag="00080005" keyword="SpecificCharacterSet" vr="CS">'
        '<Value number="1">ISO_IR 192</Value></DicomAttribute>'
        '<DicomAttribute tag="00081140" keyword="ReferencedImageSequence" vr="SQ"><Item number="1">'
        '<DicomAttribute tag="00081155" keyword="ReferencedSOPInstanceUID" vr="UI"><Value number="1">1.2.3</Value>'
        "</DicomAttribute></Item></DicomAttribute>"
        '<DicomAttribute tag="00100010" keyword="PatientName" vr="PN"><PersonName number="1">'
        "<Alphabetic><FamilyName>Doe</FamilyName><GivenName>Jane</GivenName><NamePrefix>Dr</NamePrefix></Alphabetic>"
        "<Ideographic><FamilyName>山田</FamilyName><GivenName>花子</GivenName></Ideographic></PersonName>"
        "</DicomAttribute>"
        '<DicomAttribute tag="00290010" vr="LO"><Value number="1">OURS</Value></DicomAttribute>'
        '<DicomAttribute tag="00290005" privateCreator="OURS" vr="OB"><InlineBinary>AAEC</InlineBinary>'
        "</DicomAttribute>"
        '<DicomAttribute tag="7FE00010" keyword="PixelData" vr="OW">'
        '<BulkData uri="https://x.example/a?b=1&amp;c=2"/></DicomAttribute>'
        "</NativeDicomModel>"
    )


@pytest.mark.parametrize(
    "attribute",
    [
        {"vr": "LT", "Value": ["first\r\nsecond\t<&>\" ' "]},
        {"vr": "LT", "Value": [" leading and trailing "]},
        {"vr": "CS", "Value": ["A", None, "B", None]},
        {"vr": "SQ", "Value": [{}, {}]},
        {"vr": "SQ"},
        {"vr": "OB"},
        {"vr": "AT", "Value": ["7FE00010"]},
    ],
)
def test_awkward_values_come_back_exactly(attribute: dict[str, Any]) -> None:
    assert comes_back({"00204000": attribute}) == {"00204000": attribute}


@pytest.mark.parametrize(
    ("vr", "values"),
    [
        ("DS", [1.5, 1.0, None, -1e-9, 123456789012.5]),
        ("IS", [0, -7]),
        ("FL", [0.1, 1e30]),
        ("FD", [0.1, 5e-324]),
        ("UV", [2**64 - 1]),
    ],
)
def test_numbers_come_back_to_the_bit(vr: str, values: list[Any]) -> None:
    found = comes_back({"00091001": {"vr": vr, "Value": values}})["00091001"]["Value"]
    assert value_field(0x00091001, vr, found) == value_field(0x00091001, vr, values)


def test_a_name_keeps_more_than_five_components() -> None:
    name = {"vr": "PN", "Value": [{"Alphabetic": "a^^b^^^c^d", "Phonetic": "^x"}]}
    assert comes_back({"00100010": name}) == {"00100010": name}


def test_private_elements_stay_in_their_blocks() -> None:
    data_set = {
        "00290010": {"vr": "LO", "Value": ["SAME"]},
        "00290011": {"vr": "LO", "Value": ["SAME"]},
        "00290012": {"vr": "LO", "Value": ['QUOTED " & <NAME>']},
        "00291001": {"vr": "LO", "Value": ["one"]},
        "00291101": {"vr": "LO", "Value": ["two"]},
        "00291201": {"vr": "LO", "Value": ["three"]},
        "00291501": {"vr": "LO", "Value": ["nobody's"]},
    }
    assert comes_back(data_set) == data_set


def test_what_xml_cannot_say_is_replaced_visibly() -> None:
    found = comes_back({"00204000": {"vr": "LT", "Value": ["page\x0cbreak\x00\x1b\ufffe"]}})
    assert found["00204000"]["Value"] == ["page\ufffdbreak\ufffd\ufffd\ufffd"]


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_makes_a_document(text: str, creator: str) -> None:
    data_set = {
        "00204000": {"vr": "LT", "Value": [text]},
        "00290010": {"vr": "LO", "Value": [creator]},
        "00291001": {"vr": "LO", "Value": [text]},
    }
    assert fromstring(native_model_document(data_set)) is not None
