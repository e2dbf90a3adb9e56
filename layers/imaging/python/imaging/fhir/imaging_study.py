"""The ImagingStudy of a revision.

References
----------
https://hl7.org/fhir/R4/imagingstudy-mappings.html#dicom
"""

from imaging.dicom.attributes import text
from imaging.fhir.identity import endpoint_id, imaging_study_id
from imaging.fhir.imaging_series import imaging_series, modality_coding
from imaging.fhir.person_name import display_name
from imaging.fhir.primitives import Resource, date_time, present, string
from imaging.model.instance import DicomJson
from imaging.model.links import Links
from imaging.model.revision import Revision

_STUDY_DATE, _STUDY_TIME, _TIMEZONE_OFFSET_FROM_UTC = "00080020", "00080030", "00080201"
_ACCESSION_NUMBER, _REFERRING_PHYSICIAN_NAME, _STUDY_DESCRIPTION = "00080050", "00080090", "00081030"

ELEMENTS = (
    "identifier",
    "status",
    "modality",
    "subject",
    "started",
    "referrer",
    "endpoint",
    "numberOfSeries",
    "numberOfInstances",
    "description",
    "series",
)


def imaging_study(revision: Revision, patient_id: str, links: Links) -> Resource:
    """Map a revision that has instances."""
    attributes = revision.attributes
    return present(
        resourceType="ImagingStudy",
        id=imaging_study_id(revision.study),
        meta={"source": links.space(revision.study.space)},
        identifier=identifiers(revision),
        status="available",  # its images can be retrieved
        modality=modalities(revision),
        subject={"reference": f"Patient/{patient_id}"},
        started=started(attributes),
        referrer=referrer(attributes),
        endpoint=[{"reference": f"Endpoint/{endpoint_id(revision.study.space)}"}],
        numberOfSeries=len(revision.series),
        numberOfInstances=revision.instances,
        description=description(attributes),
        series=[imaging_series(series, text(attributes, _TIMEZONE_OFFSET_FROM_UTC)) for series in revision.series],
    )


def identifiers(revision: Revision) -> list[Resource]:
    """Study Instance UID (0020,000D), and Accession Number (0008,0050).

    As https://hl7.org/fhir/R4/imagingstudy.html#notes prescribes for both.
    """
    accession_number = string(text(revision.attributes, _ACCESSION_NUMBER))
    study = {"system": "urn:dicom:uid", "value": f"urn:oid:{revision.study.study_instance_uid}"}
    if accession_number is None:
        return [study]
    acsn = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
    return [study, {"type": acsn, "value": accession_number}]


def modalities(revision: Revision) -> list[Resource]:
    """Each Modality (0008,0060) of its series once, sorted: Modalities in Study (0008,0061), counted anew."""
    return [coding for modality in revision.modalities if (coding := modality_coding(modality))]


def started(attributes: DicomJson) -> str | None:
    """Study Date and Time (0008,0020), (0008,0030), with Timezone Offset From UTC (0008,0201)."""
    return date_time(
        text(attributes, _STUDY_DATE), text(attributes, _STUDY_TIME), text(attributes, _TIMEZONE_OFFSET_FROM_UTC)
    )


def referrer(attributes: DicomJson) -> Resource | None:
    """Referring Physician's Name (0008,0090), as text: nothing tells which Practitioner it is."""
    display = display_name(attributes, _REFERRING_PHYSICIAN_NAME)
    return {"display": display} if display else None


def description(attributes: DicomJson) -> str | None:
    """Study Description (0008,1030)."""
    return string(text(attributes, _STUDY_DESCRIPTION))
