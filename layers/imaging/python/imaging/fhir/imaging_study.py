"""The ImagingStudy of a revision.

References
----------
https://hl7.org/fhir/R4/imagingstudy-mappings.html#dicom
"""

from collections.abc import Sequence

from pydicom.datadict import keyword_for_tag

from imaging.fhir.coded_concept import codeable_concepts
from imaging.fhir.coding_schemes import CodingSchemes, coding_schemes
from imaging.fhir.findings import Findings
from imaging.fhir.identity import imaging_study_id
from imaging.fhir.imaging_series import OfStudy, imaging_series
from imaging.fhir.modality import acquisition_modalities
from imaging.fhir.person_reference import person_references
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.primitives import Resource, present, string
from imaging.fhir.reasons import reasons
from imaging.fhir.started import offset_from_utc, started
from imaging.fhir.study_identifiers import study_identifiers
from imaging.fhir.study_location import location
from imaging.model.links import Links
from imaging.model.revision import Revision
from imaging.settings import Space

_STUDY_DATE, _STUDY_TIME, _STUDY_DESCRIPTION = "00080020", "00080030", "00081030"
_REFERRING_PHYSICIAN_NAME, _REFERRING_PHYSICIAN_IDENTIFICATION = "00080090", "00080096"
_NAMES_OF_PHYSICIANS_READING_STUDY, _PHYSICIANS_READING_STUDY_IDENTIFICATION = "00081060", "00081062"
_PROCEDURE_CODE_SEQUENCE = "00081032"

NOTE_AUTHOR = "Imaging ingestion"
"""Who the notes are by: those of others in the same resource are theirs."""

ELEMENTS = (
    "identifier",
    "status",
    "modality",
    "subject",
    "started",
    "basedOn",
    "referrer",
    "interpreter",
    "endpoint",
    "numberOfSeries",
    "numberOfInstances",
    "procedureCode",
    "location",
    "reasonCode",
    "note",
    "description",
    "series",
)


def imaging_study(
    revision: Revision,
    *,
    space: Space,
    subject: Resource,
    endpoints: Sequence[Resource],
    based_on: Sequence[Resource],
    links: Links,
    policy: PublishingPolicy,
    findings: Findings,
) -> Resource:
    """Map a revision that has instances.

    Parameters
    ----------
    subject, endpoints, based_on
        References to the Patient, the Endpoints of the space and the
        ServiceRequests that the study answers.
    findings
        Takes what is there and cannot be mapped.
    """
    attributes = revision.attributes
    schemes = coding_schemes(revision)
    offset = offset_from_utc(attributes, findings)
    lists_instances = revision.instances <= policy.max_listed_instances
    of_study = OfStudy(endpoints, schemes, lists_instances, findings)
    return present(
        resourceType="ImagingStudy",
        id=imaging_study_id(revision.study),
        meta={"source": links.space(revision.study.space)},
        identifier=study_identifiers(revision, space, links, findings),
        status="available",  # its images can be retrieved
        modality=acquisition_modalities(revision, findings),
        subject=subject,
        started=started(attributes, _STUDY_DATE, _STUDY_TIME, offset, findings),
        basedOn=list(based_on),
        referrer=referrer(revision, schemes, findings),
        interpreter=interpreters(revision, schemes, findings),
        endpoint=list(endpoints),
        numberOfSeries=len(revision.series),
        numberOfInstances=revision.instances,
        procedureCode=codeable_concepts(attributes, _PROCEDURE_CODE_SEQUENCE, schemes, findings),
        location=location(revision, findings),
        reasonCode=reasons(revision, schemes, findings),
        note=notes(revision),
        description=findings.mapped(attributes, _STUDY_DESCRIPTION, string),
        series=[imaging_series(series, of_study) for series in revision.series],
    )


def referrer(revision: Revision, schemes: CodingSchemes, findings: Findings) -> Resource | None:
    """Referring Physician's Name (0008,0090) and Identification Sequence (0008,0096)."""
    people = person_references(
        revision.attributes, _REFERRING_PHYSICIAN_NAME, _REFERRING_PHYSICIAN_IDENTIFICATION, schemes, findings
    )
    return people[0] if people else None


def interpreters(revision: Revision, schemes: CodingSchemes, findings: Findings) -> list[Resource]:
    """Name of Physician(s) Reading Study (0008,1060) and their Identification Sequence (0008,1062)."""
    return person_references(
        revision.attributes,
        _NAMES_OF_PHYSICIANS_READING_STUDY,
        _PHYSICIANS_READING_STUDY_IDENTIFICATION,
        schemes,
        findings,
    )


def notes(revision: Revision) -> list[Resource]:
    """On which attributes the instances of the study disagree, without what they say."""
    keywords = [keyword_for_tag(tag) or tag for tag in revision.conflicts]
    if not keywords:
        return []
    text = f"Instances of the study disagree on {', '.join(sorted(keywords))}; what was stored last is given."
    return [{"authorString": NOTE_AUTHOR, "text": text}]
