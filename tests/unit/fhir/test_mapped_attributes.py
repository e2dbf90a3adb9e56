from dataclasses import replace

from imaging.dicom.attributes import INSTANCE_ATTRIBUTES, PATIENT_STUDY_ATTRIBUTES, SERIES_ATTRIBUTES
from imaging.fhir.findings import Findings
from imaging.fhir.imaging_study import imaging_study
from imaging.fhir.mapped_attributes import MAPPED
from imaging.fhir.patient import patient
from imaging.fhir.policy import PublishingPolicy
from tests.unit.fhir.samples import LINKS, SPACE, attributes, instance, revision, series

MODALITY = "00080060"  # asked of the series itself
CODING_SCHEME_IDENTIFICATION_SEQUENCE = "00080110"  # explains codes, and gives nothing of its own


class Asked(dict):
    """Attributes that remember which of them were asked for."""

    def __init__(self, values, tags):
        super().__init__(values)
        self.tags = tags

    def get(self, tag, default=None):
        self.tags.add(tag)
        return super().get(tag, default)


def test_they_are_what_the_mapping_asks_for():
    tags = set()
    study = Asked(attributes(PatientID="4711", AccessionNumber="A1"), tags)
    one = replace(instance("1.2.3.1.1"), attributes=Asked({}, tags))
    whole = revision(replace(series("1.2.3.1", one), attributes=Asked({}, tags)), of_study=study)
    findings = Findings()
    patient(whole.attributes, SPACE, LINKS, findings)
    imaging_study(
        whole,
        space=SPACE,
        subject={},
        endpoints=[],
        based_on=[],
        links=LINKS,
        policy=PublishingPolicy(),
        findings=findings,
    )
    assert tags - {CODING_SCHEME_IDENTIFICATION_SEQUENCE} | {MODALITY} == MAPPED


def test_all_of_them_are_indexed():
    assert {*PATIENT_STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES, *INSTANCE_ATTRIBUTES} >= MAPPED
