"""Logical ids that everyone computes alike, so that publishing again writes the same resource."""

from uuid import UUID, uuid5

from imaging.model.identifiers import StudyKey

# The ids of resources on FHIR servers follow from it: it never changes.
_NAMESPACE = UUID("0f1c33de-5d0b-4c0b-9c39-0b4dd1c6a6ab")


def imaging_study_id(study: StudyKey) -> str:
    """The one ImagingStudy of a space and study; two spaces that hold the same study have two."""
    return _logical_id("ImagingStudy", study.space, study.study_instance_uid)


def endpoint_id(space: str) -> str:
    """The WADO-RS Endpoint of a space."""
    return _logical_id("Endpoint", space, "dicom-wado-rs")


def patient_id(system: str, value: str) -> str:
    """The Patient of an identifier, whichever space the study is in.

    Parameters
    ----------
    system
        Who assigned the identifier; a URI, so without ``|``.
    """
    return _logical_id("Patient", system, value)


def _logical_id(*parts: str) -> str:
    return str(uuid5(_NAMESPACE, "|".join(parts)))
