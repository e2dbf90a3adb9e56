import base64

import pytest

from imaging.dicom.attributes import indexed, instance_level, series_level, study_level
from imaging.dicom.query_tag import attribute_of
from imaging.settings import QueryTag

PRIVATE = QueryTag("00091011", "", "LO", "instance", "ACME 1.1")
OF_STUDY = QueryTag("00081080", "AdmittingDiagnosesDescription", "LO", "study")


def lo(*values: str) -> dict[str, object]:
    return {"vr": "LO", "Value": list(values)}


def unknown(value: bytes) -> dict[str, object]:
    return {"vr": "UN", "InlineBinary": base64.b64encode(value).decode()}


def test_finds_a_private_attribute_in_whatever_block_its_creator_has_reserved() -> None:
    metadata = {"00090010": lo("OTHER"), "00091011": lo("theirs"), "00090042": lo("ACME 1.1"), "00094211": lo("ours")}
    assert attribute_of(metadata, PRIVATE) == lo("ours")
    assert indexed(metadata, [PRIVATE]) == {"00091011": lo("ours")}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"00091011": lo("nobody's")},
        {"00090010": lo("ACME 1.1")},
        {"00090010": lo("ACME 1.1"), "00091011": {"vr": "LO"}},
        {"00090010": {"vr": "LO"}, "00091011": lo("nobody's")},
        {"00090010": lo("ACME 1.1"), "00091011": unknown(b"\xff\xfe")},
        {"00090010": lo("ACME 1.1"), "00091011": {"vr": "UN", "BulkDataURI": "bulkdata/00091011"}},
    ],
)
def test_is_nothing_where_there_is_no_value_of_that_creator_to_compare(metadata: dict[str, dict[str, object]]) -> None:
    assert attribute_of(metadata, PRIVATE) is None


def test_reads_the_text_of_a_private_element_whose_vr_its_sender_left_out() -> None:
    metadata = {"00090010": lo("ACME 1.1"), "00091011": unknown(b"one\\two \0")}
    assert attribute_of(metadata, PRIVATE) == lo("one", "two")


def test_an_attribute_goes_with_its_level() -> None:
    attributes = {"00081080": lo("why"), "00091011": lo("ours"), "00080060": {"vr": "CS", "Value": ["CT"]}}
    tags = [PRIVATE, OF_STUDY]
    assert study_level(attributes, tags).keys() == {"00081080"}
    assert series_level(attributes, tags).keys() == {"00080060"}
    assert instance_level(attributes, tags).keys() == {"00091011"}
    assert study_level(attributes) == {}


def test_what_is_indexed_anyway_keeps_its_level() -> None:
    tag = QueryTag("00181030", "ProtocolName", "LO", "study")
    attributes = indexed({"00181030": lo("Chest")}, [tag])
    assert study_level(attributes, [tag]) == {}
    assert series_level(attributes, [tag]) == {"00181030": lo("Chest")}


def test_a_value_too_long_for_a_row_is_left_out() -> None:
    assert indexed({"00081080": lo("x" * 10_000)}, [OF_STUDY]) == {}
