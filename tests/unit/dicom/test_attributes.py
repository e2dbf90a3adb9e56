from pydicom.datadict import dictionary_has_tag

from imaging.dicom.attributes import (
    INSTANCE_ATTRIBUTES,
    PATIENT_STUDY_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    indexed,
    instance_level,
    series_level,
    study_level,
    text,
)

METADATA = {
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    "00080060": {"vr": "CS", "Value": ["CT"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Ideographic": "x"}]},
    "00100020": {"vr": "LO"},
    "00181030": {"vr": "LO", "Value": [None]},
    "00200013": {"vr": "IS", "Value": [7]},
    "00204000": {"vr": "LT", "Value": ["not indexed"]},
    "00400275": {"vr": "SQ", "Value": [{}]},
}


def test_every_attribute_belongs_to_one_level() -> None:
    attributes = (*PATIENT_STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES, *INSTANCE_ATTRIBUTES)
    assert len(attributes) == len(set(attributes))
    assert all(len(tag) == 8 and dictionary_has_tag(int(tag, 16)) for tag in attributes)


def test_parts_the_metadata_by_level() -> None:
    assert set(indexed(METADATA)) == set(METADATA) - {"00204000"}
    assert set(study_level(METADATA)) == {"00100010", "00100020"}
    assert set(series_level(METADATA)) == {"00080060", "00181030", "00400275"}
    assert set(instance_level(METADATA)) == {"00080018", "00200013"}


def test_gives_the_first_value_as_text() -> None:
    tags = ("00100010", "00200013", "00080060", "00100020", "00181030", "00400275", "00101010")
    assert [text(METADATA, tag) for tag in tags] == ["Doe^Jane", "7", "CT", "", "", "", ""]
