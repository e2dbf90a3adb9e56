"""Logical ids that everyone computes alike, so that publishing again writes the same resource."""

from uuid import UUID, uuid5

from imaging.model.identifiers import InstanceKey, StudyKey

# The ids of resources on FHIR servers follow from it: it never changes.
_NAMESPACE = UUID("0f1c33de-5d0b-4c0b-9c39-0b4dd1c6a6ab")


def imaging_study_id(study: StudyKey) -> str:
    """The one ImagingStudy of a space and study; two spaces that hold the same study have two."""
    return _logical_id("ImagingStudy", study.space, study.study_instance_uid)


def endpoint_id(space: str, connection_type: str = "dicom-wado-rs") -> str:
    """The Endpoint of a space and a code of Endpoint.connectionType."""
    return _logical_id("Endpoint", space, connection_type)


def document_reference_id(instance: InstanceKey) -> str:
    """The DocumentReference of an instance that is a document."""
    return _logical_id("DocumentReference", *_parts(instance))


def observation_id(instance: InstanceKey, *place: str) -> str:
    """An Observation that an instance reports.

    Parameters
    ----------
    place
        Which of its observations: what stays when the instance is read again.
    """
    return _logical_id("Observation", *_parts(instance), *place)


def patient_id(system: str, value: str) -> str:
    """The Patient of an identifier, whichever space the study is in.

    Parameters
    ----------
    system
        Who assigned the identifier; a URI, so without ``|``.
    """
    return _logical_id("Patient", system, value)


def _parts(instance: InstanceKey) -> tuple[str, ...]:
    return (instance.space, instance.study_instance_uid, instance.series_instance_uid, instance.sop_instance_uid)


def _logical_id(*parts: str) -> str:
    return str(uuid5(_NAMESPACE, "|".join(parts)))
