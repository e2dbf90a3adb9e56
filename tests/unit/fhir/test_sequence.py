from imaging.fhir.sequence import first_item, items
from tests.unit.fhir.samples import attributes

TAG = "00101002"


def test_items_come_in_their_order():
    sequence = attributes(OtherPatientIDsSequence=[attributes(PatientID="A"), attributes(PatientID="B")])
    assert [item["00100020"]["Value"] for item in items(sequence, TAG)] == [["A"], ["B"]]
    assert first_item(sequence, TAG) == attributes(PatientID="A")


def test_whatever_is_no_sequence_has_no_items():
    for attribute in ({}, {"vr": "SQ"}, {"Value": None}, {"Value": []}, {"Value": ["text", 4, None]}):
        assert items({TAG: attribute}, TAG) == []
        assert first_item({TAG: attribute}, TAG) is None
    assert items({}, TAG) == []
