from imaging.fhir.identity import (
    document_reference_id,
    endpoint_id,
    imaging_study_id,
    observation_id,
    patient_id,
)
from imaging.model.identifiers import InstanceKey, StudyKey

INSTANCE = InstanceKey("main", "1.2.3", "1.2.3.1", "1.2.3.1.1")


def test_ids_never_change():
    assert imaging_study_id(StudyKey("main", "1.2.3")) == "708a3ae1-6bde-59fd-ae9e-9ce93e73e079"
    assert endpoint_id("main") == "88a3044e-7151-5e22-b826-f3aa773a7d69"
    assert patient_id("urn:oid:1.2.3.4", "4711") == "cf287e71-a1b4-5486-935b-f43f16f1ac39"


def test_two_spaces_with_one_study_have_two_imaging_studies():
    assert imaging_study_id(StudyKey("main", "1.2.3")) != imaging_study_id(StudyKey("research", "1.2.3"))


def test_one_patient_id_under_two_systems_is_two_patients():
    assert patient_id("urn:oid:1.2.3.4", "4711") != patient_id("urn:oid:1.2.3.5", "4711")


def test_a_space_s_ways_to_its_images_are_two_endpoints():
    assert endpoint_id("main", "ihe-iid") != endpoint_id("main")


def test_an_instance_in_two_spaces_is_two_documents():
    elsewhere = InstanceKey("research", "1.2.3", "1.2.3.1", "1.2.3.1.1")
    assert document_reference_id(INSTANCE) != document_reference_id(elsewhere)


def test_each_observation_of_an_instance_has_its_own():
    assert observation_id(INSTANCE, "1.4") == observation_id(INSTANCE, "1.4")
    assert len({observation_id(INSTANCE), observation_id(INSTANCE, "1.4"), observation_id(INSTANCE, "1.5")}) == 3
