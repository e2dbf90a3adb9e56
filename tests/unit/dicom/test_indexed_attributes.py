from imaging.dicom.attributes import (
    INSTANCE_ATTRIBUTES,
    MAX_INDEXED_CHARACTERS,
    PATIENT_STUDY_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    indexed,
)


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
