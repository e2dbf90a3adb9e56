"""Whose identifier counts when a study's Patient is looked for."""

import pytest

from tests.unit.fhir.fake_server import EVERY_SERVER
from tests.unit.fhir.samples import STUDY, attributes, small_revision
from tests.unit.pipeline.publishing import Publishing

SYSTEM = "urn:oid:1.2.3.4"


@pytest.mark.parametrize("abilities", EVERY_SERVER.values(), ids=EVERY_SERVER)
def test_a_patient_id_that_a_study_had_among_others_leads_nobody_else_to_its_patient(abilities):
    publishing = Publishing(abilities)
    publishing.server.write(
        {"resourceType": "Patient", "id": "ehr", "identifier": [{"system": SYSTEM, "value": "123"}]}
    )
    mistaken = [attributes(PatientID="456", IssuerOfPatientID=SYSTEM)]
    for number, patient_id in enumerate(("123", "456"), start=1):
        publishing.finalize(small_revision(number, PatientID=patient_id, OtherPatientIDsSequence=mistaken))
        publishing.publish(STUDY, number)
    assert publishing.server.current("Patient/ehr")["identifier"] == [{"system": SYSTEM, "value": "123"}]
    assert publishing.server.only("ImagingStudy")["subject"] != {"reference": "Patient/ehr"}
    assert len(publishing.server.all("Patient")) == 2


@pytest.mark.parametrize("use", ["secondary", "old"])
@pytest.mark.parametrize("abilities", EVERY_SERVER.values(), ids=EVERY_SERVER)
def test_a_secondary_or_old_identifier_makes_no_match_and_stands_in_nobody_s_way(abilities, use):
    publishing = Publishing(abilities)
    other = {"use": use, "system": SYSTEM, "value": "4711"}
    publishing.server.write({"resourceType": "Patient", "id": "ehr", "identifier": [other]})
    for number in (1, 2):
        publishing.finalize(small_revision(number))
        publishing.publish(STUDY, number)
    assert publishing.entries == []
    assert len(publishing.server.all("Patient")) == 2
    assert publishing.server.only("ImagingStudy")["subject"] != {"reference": "Patient/ehr"}
    assert publishing.server.current("Patient/ehr")["identifier"] == [other]
