"""Whole studies with their resources as written by hand from the standards."""

import pytest

from imaging.fhir.endpoint import endpoints
from imaging.fhir.findings import Findings
from imaging.fhir.imaging_study import imaging_study
from imaging.fhir.patient import patient
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.primitives import Resource
from imaging.fhir.validation import checked
from imaging.model.revision import Revision
from tests.unit.fhir.golden_studies import ALL, revision
from tests.unit.fhir.revision_files import CT, MR, revision_of
from tests.unit.fhir.samples import LINKS, SPACE

POLICY = PublishingPolicy()


def mapped(study: Revision, findings: Findings) -> list[Resource]:
    subject = patient(study.attributes, SPACE, LINKS, findings)
    where = endpoints("main", LINKS, POLICY)
    resource = imaging_study(
        study,
        space=SPACE,
        subject={"reference": f"Patient/{subject['id']}"},
        endpoints=[{"reference": f"Endpoint/{each['id']}"} for each in where],
        based_on=[],
        links=LINKS,
        policy=POLICY,
        findings=findings,
    )
    return [subject, *where, resource]


@pytest.mark.parametrize(("name", "expected"), ALL, ids=[name for name, _ in ALL])
def test_a_study_becomes_the_resources_written_by_hand(name, expected):
    study = revision(name)
    findings = Findings(study.unreadable)
    assert mapped(study, findings) == expected
    assert findings.keywords == ()


@pytest.mark.parametrize(("name", "expected"), ALL, ids=[name for name, _ in ALL])
def test_every_resource_written_by_hand_is_valid_fhir(name, expected):
    for resource in expected:
        checked(resource)


@pytest.mark.parametrize("files", [CT, MR])
def test_files_of_devices_become_valid_fhir(files):
    study = revision_of(files)
    for resource in mapped(study, Findings(study.unreadable)):
        checked(resource)
