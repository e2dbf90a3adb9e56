import json

from imaging.dicom.attributes import (
    INSTANCE_ATTRIBUTES,
    MAX_INDEXED_CHARACTERS,
    PATIENT_STUDY_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    indexed,
    instance_level,
    series_level,
    study_level,
    too_long,
    unreadable,
)
from tests.unit.fhir.samples import attributes


def lo(value):
    return {"vr": "LO", "Value": [value]}


def test_leaves_out_a_value_too_long_for_a_row_and_keeps_its_neighbours():
    kept = indexed({"00081030": lo("x" * 700_000), "00100020": lo("PID")})
    assert kept == {"00100020": lo("PID")}


def test_keeps_identifiers_whatever_else_is_long():
    every = (*PATIENT_STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES, *INSTANCE_ATTRIBUTES)
    kept = indexed({tag: lo("x" * 3_900) for tag in every} | {"00080020": lo("20260102"), "00080050": lo("ACC")})
    assert kept["00080020"] == lo("20260102")
    assert sum(len(str(value)) for value in kept.values()) <= MAX_INDEXED_CHARACTERS


def test_what_is_short_is_kept_however_much_stands_before_it():
    every = (*PATIENT_STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES, *INSTANCE_ATTRIBUTES)
    short = {tag: lo("x" * 300) for tag in (*SERIES_ATTRIBUTES, *INSTANCE_ATTRIBUTES)}
    long = {tag: lo("x" * 3_900) for tag in PATIENT_STUDY_ATTRIBUTES}
    kept = indexed(long | short)
    assert short.keys() <= kept.keys()
    assert list(kept) == [tag for tag in every if tag in kept]
    assert [tag for tag in long if tag in kept] == list(PATIENT_STUDY_ATTRIBUTES[: len(kept) - len(short)])


def test_names_what_is_there_and_cannot_be_given():
    metadata = {
        "00081030": lo("x" * 10_000),
        "00100020": lo("PID"),
        "00100030": {"vr": "DA"},
        "00420010": {"vr": "ST", "BulkDataURI": "bulkdata/00420010"},
    }
    present = {int(tag, 16) for tag in metadata} | {0x00080020, 0x00204000}
    assert unreadable(present, indexed(metadata)) == ("00080020", "00081030", "00420010")
    assert too_long(metadata, indexed(metadata)) == ("00081030", "00420010")


def test_keeps_code_sequences_of_many_items():
    codes = attributes(
        ProcedureCodeSequence=[
            attributes(
                CodeValue=f"{number:05}-4",
                CodingSchemeDesignator="LN",
                CodingSchemeVersion="2.77",
                CodeMeaning="CT Chest and Abdomen and Pelvis WO and W contrast IV",
            )
            for number in range(25)
        ]
    )
    assert len(json.dumps(codes)) > 5_000
    assert indexed(codes) == codes


def test_the_offset_from_utc_is_stated_with_every_level():
    offset = attributes(TimezoneOffsetFromUTC="+0100")
    for level in (study_level, series_level, instance_level):
        assert level(indexed(offset)) == offset
