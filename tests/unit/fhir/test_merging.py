import pytest

from imaging.fhir.comparison import differs
from imaging.fhir.imaging_study import NOTE_AUTHOR
from imaging.fhir.merging import cancelled
from imaging.fhir.own_identifier import own_identifier, with_own_identifier
from tests.unit.fhir.imaging_studies import on_server, ours, renewal

ACCESSION = {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}}
THEIRS = {"system": "urn:oid:9", "value": "9"}


def test_what_is_not_there_is_ours_alone():
    assert renewal(None, ours()) == ours()


def test_an_element_that_the_study_has_no_more_goes():
    assert "description" not in renewal(on_server(ours(StudyDescription="old")), ours())


def test_tags_of_others_are_kept():
    current = on_server(ours())
    current["meta"]["tag"] = [{"code": "x"}]
    assert renewal(current, ours())["meta"]["tag"] == [{"code": "x"}]


def test_the_id_that_the_server_gave_is_kept():
    assert renewal(on_server(ours(), id="17"), ours(StudyDescription="new"))["id"] == "17"


def test_identifiers_of_others_stay_and_ours_are_as_they_are_now():
    before = with_own_identifier(ours(AccessionNumber="A1", StudyID="1"))
    current = on_server(before, identifier=[THEIRS, *before["identifier"]])
    wanted = with_own_identifier(ours(AccessionNumber="A2"))
    assert renewal(current, wanted)["identifier"] == [*wanted["identifier"], THEIRS]
    assert own_identifier(wanted["id"]) in wanted["identifier"]


def test_a_list_that_has_all_of_ours_is_left_in_its_order():
    current = on_server(ours(), identifier=[THEIRS, *ours()["identifier"]])
    assert renewal(current, ours(StudyDescription="new"))["identifier"] == current["identifier"]


def test_our_note_goes_with_its_reason_and_those_of_others_stay():
    seen = {"text": "seen"}
    current = on_server(ours(), note=[{"authorString": NOTE_AUTHOR, "text": "old"}, seen])
    assert renewal(current, ours())["note"] == [seen]
    assert "note" not in renewal(on_server(ours(), note=current["note"][:1]), ours())


def test_an_order_of_another_accession_number_is_ours_no_more_and_a_care_plan_stays():
    order = {"reference": "ServiceRequest/1", "identifier": {**ACCESSION, "value": "A1"}}
    plan = {"reference": "CarePlan/1"}
    current = on_server(ours(), basedOn=[order, plan])
    assert renewal(current, ours())["basedOn"] == [plan]
    renewed = {"reference": "ServiceRequest/2", "identifier": {**ACCESSION, "value": "A2"}}
    assert renewal(current, ours([renewed]))["basedOn"] == [renewed, plan]


def test_an_order_that_others_linked_stands_once_and_stays_theirs():
    mine = {"reference": "ServiceRequest/1", "identifier": {**ACCESSION, "value": "A1"}}
    theirs = {"reference": "ServiceRequest/1/_history/2", "display": "CT Thorax"}
    current = on_server(ours(), basedOn=[theirs])
    assert renewal(current, ours([mine]))["basedOn"] == [theirs]
    assert renewal(on_server(ours(), basedOn=[mine, theirs]), ours([mine]))["basedOn"] == [theirs]
    assert renewal(current, ours())["basedOn"] == [theirs]


@pytest.mark.parametrize(
    "theirs",
    [
        {"encounter": {"reference": "Encounter/1"}},
        {"reasonReference": [{"reference": "Condition/1"}]},
        {"procedureReference": {"reference": "Procedure/1"}},
        {"note": [{"text": "known to us since 2010"}]},
        {"basedOn": [{"reference": "CarePlan/1"}]},
        {"text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>of p1</div>"}},
        {"encounter": {"reference": "#e"}, "contained": [{"resourceType": "Encounter", "id": "e"}]},
    ],
    ids=", ".join,
)
def test_what_others_wrote_of_a_patient_does_not_go_over_to_another(theirs):
    current = on_server(ours(), **theirs, extension=[{"url": "urn:x", "valueCode": "x"}])
    current["identifier"] = [*current["identifier"], THEIRS]
    assert not differs(current, renewal(current, ours()))
    moved = renewal(current, {**ours(), "subject": {"reference": "Patient/p2"}})
    assert not set(theirs).intersection(moved)
    assert (moved["subject"], moved["extension"]) == ({"reference": "Patient/p2"}, current["extension"])
    assert THEIRS in moved["identifier"]


def test_a_narrative_tells_no_state_that_has_passed():
    current = on_server(ours(), text={"status": "generated", "div": "<div>1 image</div>"})
    assert renewal(current, ours()) == current
    assert "text" not in renewal(current, ours(StudyDescription="new"))
    assert "text" not in cancelled(current)
    gone = cancelled(current)
    again = {**gone, "text": {"status": "generated", "div": "<div>cancelled</div>"}}
    assert cancelled(again) == again


def test_a_contained_resource_goes_with_what_refers_to_it():
    doctor = {"resourceType": "Practitioner", "id": "d"}
    before = ours(ReferringPhysicianName="Smith^Jane")
    current = on_server(before, contained=[doctor], referrer={**before["referrer"], "reference": "#d"})
    assert renewal(current, before) == current
    assert "contained" not in renewal(current, ours())


@pytest.mark.parametrize("element", ["series", "endpoint"])
def test_a_cancelled_study_leads_to_no_images(element):
    study = cancelled(on_server(ours(StudyDescription="CT Thorax")))
    assert element not in study
    assert (study["status"], study["numberOfSeries"], study["numberOfInstances"]) == ("cancelled", 0, 0)
    assert study["description"] == "CT Thorax"
