from imaging.fhir.identity import endpoint_id, imaging_study_id, patient_id
from imaging.model.identifiers import StudyKey


def test_ids_never_change():
    assert imaging_study_id(StudyKey("main", "1.2.3")) == "708a3ae1-6bde-59fd-ae9e-9ce93e73e079"
    assert endpoint_id("main") == "88a3044e-7151-5e22-b826-f3aa773a7d69"
    assert patient_id("urn:oid:1.2.3.4", "4711") == "cf287e71-a1b4-5486-935b-f43f16f1ac39"


def test_two_spaces_with_one_study_have_two_imaging_studies():
    assert imaging_study_id(StudyKey("main", "1.2.3")) != imaging_study_id(StudyKey("research", "1.2.3"))


def test_one_patient_id_under_two_systems_is_two_patients():
    assert patient_id("urn:oid:1.2.3.4", "4711") != patient_id("urn:oid:1.2.3.5", "4711")
