"""A series of an ImagingStudy, and its instances.

References
----------
https://hl7.org/fhir/R4/imagingstudy-mappings.html#dicom
"""

from imaging.dicom.attributes import text
from imaging.fhir.primitives import Resource, code_string, date_time, present, string, unsigned_int
from imaging.model.instance import DicomJson
from imaging.model.revision import RevisionInstance, RevisionSeries

_SERIES_NUMBER, _SERIES_DESCRIPTION, _BODY_PART_EXAMINED = "00200011", "0008103E", "00180015"
_SERIES_DATE, _SERIES_TIME, _INSTANCE_NUMBER = "00080021", "00080031", "00200013"

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
# https://hl7.org/fhir/R4/extension-data-absent-reason.html
_UNKNOWN = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}


def imaging_series(series: RevisionSeries, timezone_offset_from_utc: str) -> Resource:
    """Map a series; its times are in the time zone of the study."""
    attributes = series.attributes
    return present(
        uid=series.series_instance_uid,
        number=unsigned_int(text(attributes, _SERIES_NUMBER)),
        # Required in FHIR as in DICOM: https://hl7.org/fhir/R4/conformance-rules.html#cardinality
        modality=modality_coding(series.modality) or {"extension": [_UNKNOWN]},
        description=string(text(attributes, _SERIES_DESCRIPTION)),
        numberOfInstances=len(series.instances),
        bodySite=body_site(attributes),
        started=date_time(text(attributes, _SERIES_DATE), text(attributes, _SERIES_TIME), timezone_offset_from_utc),
        instance=[_instance(instance) for instance in series.instances],
    )


def modality_coding(modality: str) -> Resource | None:
    """Modality (0008,0060) a term of PS3.3 C.7.3.1.1.1; None if it is absent or no Code String."""
    code = code_string(modality)
    return {"system": _DCM, "code": code} if code else None


def body_site(attributes: DicomJson) -> Resource | None:
    """Body Part Examined (0018,0015), as text: it is a defined term, not a code of a system."""
    display = string(text(attributes, _BODY_PART_EXAMINED))
    return {"display": display} if display else None


def _instance(instance: RevisionInstance) -> Resource:
    return present(
        uid=instance.sop_instance_uid,
        # https://hl7.org/fhir/R4/terminologies-systems.html: UIDs are codes of the system of URIs
        sopClass={"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{instance.sop_class_uid}"},
        number=unsigned_int(text(instance.attributes, _INSTANCE_NUMBER)),
    )
