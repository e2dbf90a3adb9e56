"""Others write to the same server: what is theirs stays as they wrote it, and nobody is overwritten unread."""

import pytest

from imaging.fhir.primitives import Resource
from imaging.model.publication import ErrorKind
from tests.fhir.checks import check_absent, check_entries, check_published, expected
from tests.fhir.faulty_server import Asked, FindsNothing, first
from tests.fhir.world import World, versions
from tests.unit.fhir.samples import SPACE

THEIR_NOTE = {"authorString": "Dr. Who", "text": "Compare with the study of last year."}
THEIR_IDENTIFIER = {"system": "urn:oid:9.9", "value": "R-1"}


def registered(world: World, logical_id: str, **elements: object) -> Resource:
    """The patient as a registration system writes it."""
    identifier = {"system": SPACE.patient_identifier_system, "value": world.patient_id}
    name = [{"use": "official", "family": "Doe", "given": ["J."]}]
    return world.write(
        {"resourceType": "Patient", "id": logical_id, "identifier": [identifier], "name": name, **elements}
    )


def test_a_patient_of_a_registration_system_is_linked_and_synchronised_and_never_doubled(world: World) -> None:
    registered(world, f"ehr-{world.space}", birthDate="1970-01-31", telecom=[{"system": "phone", "value": "1"}])
    for _ in range(2):
        made = world.revision(world.new_study(), PatientSex="F", PatientBirthDate="19700201")
        world.publish(made)
        assert check_published(world, made)["subject"] == {"reference": f"Patient/ehr-{world.space}"}
    (patient,) = world.patients()
    assert versions([patient]) == [2]
    assert (patient["birthDate"], patient["telecom"][0]["value"]) == ("1970-01-31", "1")
    assert (patient["gender"], [name["use"] for name in patient["name"]]) == ("female", ["official", "usual"])


def test_two_patients_with_one_identifier_are_nobody_s_guess_until_they_are_merged(world: World) -> None:
    one, other = registered(world, f"one-{world.space}"), registered(world, f"other-{world.space}")
    made = world.revision(world.new_study())
    assert len(world.publish(made)) == 1
    check_absent(world, made, ErrorKind.NOT_PUBLISHED)
    assert versions(world.patients()) == [1, 1]
    replaced = [{"type": "replaced-by", "other": {"reference": f"Patient/{one['id']}"}}]
    world.write({**other, "active": False, "link": replaced})
    world.deliver(made.study, 1)
    (study,) = world.studies(made.study)
    assert study["subject"] == {"reference": f"Patient/{one['id']}"}
    check_entries(world, made)
    assert len(world.patients()) == 2


def test_a_patient_that_is_merged_later_takes_its_studies_along_when_they_are_published_again(world: World) -> None:
    made = world.revision(world.new_study())
    world.publish(made)
    (ours,) = world.patients()
    survivor = registered(world, f"ehr-{world.space}")
    world.write(
        {
            **ours,
            "active": False,
            "link": [{"type": "replaced-by", "other": {"reference": f"Patient/{survivor['id']}"}}],
        }
    )
    world.deliver(made.study, 1)
    (study,) = world.studies(made.study)
    assert study["subject"] == {"reference": f"Patient/{survivor['id']}"}
    assert len(world.patients()) == 2


@pytest.mark.parametrize("is_ours", [True, False], ids=["made by us", "registered"])
def test_a_number_that_is_given_to_another_patient_takes_the_study_there_and_does_not_come_back(
    world: World, is_ours: bool
) -> None:
    made = world.revision(world.new_study())
    if not is_ours:
        registered(world, f"wrong-{world.space}")
    world.publish(made)
    (wrong,) = world.patients()
    wrong = world.write({name: value for name, value in wrong.items() if name != "identifier"})
    right = registered(world, f"right-{world.space}")
    world.deliver(made.study, 1)
    assert check_published(world, made)["subject"] == {"reference": f"Patient/{right['id']}"}
    assert world.at(f"Patient/{wrong['id']}") == wrong


@pytest.mark.parametrize("policy", [{"patient": "create-only"}, {"patient": "reference-only"}], ids=str)
def test_one_that_is_not_to_be_touched_is_not(new_world, policy: dict[str, str]) -> None:
    world = new_world(**policy)
    registered(world, f"ehr-{world.space}")
    made = world.revision(world.new_study(), PatientSex="F")
    world.publish(made)
    assert check_published(world, made)["subject"] == {"reference": f"Patient/ehr-{world.space}"}
    assert versions(world.patients()) == [1]


def test_where_none_may_be_created_a_study_waits_for_its_patient(new_world) -> None:
    world = new_world(patient="reference-only")
    made = world.revision(world.new_study())
    world.publish(made)
    check_absent(world, made, ErrorKind.NOT_PUBLISHED)
    assert world.patients() == []
    registered(world, f"ehr-{world.space}")
    world.deliver(made.study, 1)
    check_published(world, made)


def test_an_imaging_study_of_the_same_uid_that_is_not_ours_is_never_touched(world: World) -> None:
    study = world.new_study()
    subject = registered(world, f"ehr-{world.space}")
    uid = {"system": "urn:dicom:uid", "value": f"urn:oid:{study.study_instance_uid}"}
    theirs = world.write(
        {
            "resourceType": "ImagingStudy",
            "id": f"theirs-{world.space}",
            "identifier": [uid],
            "status": "available",
            "subject": {"reference": f"Patient/{subject['id']}"},
        }
    )
    world.publish(made := world.revision(study))
    check_published(world, made)
    world.publish(gone := world.revision(study, 2, instances=0))
    check_absent(world, gone)
    assert world.at(f"ImagingStudy/{theirs['id']}") == theirs


def test_what_another_wrote_into_our_imaging_study_stays_and_what_is_ours_is_ours(world: World) -> None:
    world.publish(first_one := world.revision(world.new_study()))
    ours = check_published(world, first_one)
    edited = {
        **ours,
        "identifier": [*ours["identifier"], THEIR_IDENTIFIER],
        "note": [THEIR_NOTE],
        "reasonReference": [{"display": "a reason of theirs"}],
        "description": "not what the images say",
    }
    world.write(edited)
    world.publish(made := world.revision(first_one.study, 2, instances=2))
    (after,) = world.studies(made.study)
    assert THEIR_IDENTIFIER in after["identifier"]
    assert (after["note"], after["reasonReference"]) == ([THEIR_NOTE], edited["reasonReference"])
    mapped = expected(world, made, after)
    assert {name: after[name] for name in mapped if name != "identifier"} == {
        name: value for name, value in mapped.items() if name != "identifier"
    }
    world.deliver(made.study, 2)
    assert versions(world.studies(made.study)) == [3]


def test_what_another_writes_between_our_reading_and_our_writing_is_read_and_merged(world: World) -> None:
    world.publish(first_one := world.revision(world.new_study()))
    ours = check_published(world, first_one)
    left = [ours]

    def write_first(asked: Asked) -> None:
        if asked.is_transaction and left:
            world.write({**left.pop(), "note": [THEIR_NOTE]})

    world.faulty.plan = write_first
    world.publish(made := world.revision(first_one.study, 2, instances=2))
    (after,) = world.studies(made.study)
    assert (after["note"], after["numberOfInstances"]) == ([THEIR_NOTE], 2)
    assert versions([after]) == [3]
    assert len(world.faulty.transactions) == 3


def test_where_another_writes_without_end_we_give_way_and_come_back(world: World) -> None:
    world.publish(first_one := world.revision(world.new_study()))
    ours = check_published(world, first_one)
    left = [ours] * 4

    def write_first(asked: Asked) -> None:
        if asked.is_transaction and left:
            world.write(left.pop())

    world.faulty.plan = write_first
    failed, _ = world.publish(made := world.revision(first_one.study, 2))
    assert "Others wrote" in failed.failure
    check_published(world, made)


def test_the_order_of_the_accession_number_is_linked_when_it_is_of_this_patient(world: World) -> None:
    accession = f"A-{world.space[-8:]}"
    made = world.revision(world.new_study(), AccessionNumber=accession)
    world.publish(made)
    assert "basedOn" not in check_published(world, made)
    (patient,) = world.patients()
    order = {
        "resourceType": "ServiceRequest",
        "id": f"order-{world.space}",
        "identifier": [{"system": "urn:oid:9.8", "value": accession}],
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient['id']}"},
    }
    world.write(order)
    world.deliver(made.study, 1)
    study = check_published(world, made)
    assert [each["reference"] for each in study["basedOn"]] == [f"ServiceRequest/{order['id']}"]
    second = world.write({**order, "id": f"second-{world.space}"})
    world.deliver(made.study, 1)
    study = check_published(world, made)
    assert [each["reference"] for each in study["basedOn"]] == [
        f"ServiceRequest/{each['id']}" for each in (order, second)
    ]


def test_a_patient_that_the_search_does_not_know_yet_is_found_by_the_id_we_gave_it(world: World) -> None:
    world.faulty.plan = first(99, FindsNothing(), of=lambda asked: asked.is_search)
    for _ in range(3):
        made = world.revision(world.new_study())
        world.publish(made)
        check_published(world, made)
    assert versions(world.patients()) == [1]
