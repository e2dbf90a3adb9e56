"""How far a study has come on its way into the patient's FHIR record, and what stands in the way."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imaging.model.identifiers import StudyKey


class ErrorKind(StrEnum):
    """What became of a study that could not be written, or not whole."""

    INVALID_TAG = "invalid-tag"
    """Published, without what these attributes should have given."""
    NOT_PUBLISHED = "not-published"
    """The study, or something that goes with it, cannot be in FHIR as it is; a later revision may."""
    FHIR_REFUSED = "fhir-refused"
    """The server refuses the resources, or to delete them; nobody tries again unasked."""
    RETRYING = "retrying"
    """The server did not answer, or not now; its queue tries again."""
    RETRIES_EXHAUSTED = "retries-exhausted"
    """The queue has given up; the message lies in its dead letters."""

    @property
    def needs_human(self) -> bool:
        """Whether the study stays out of FHIR, or out of date there, until somebody does something."""
        return self not in (ErrorKind.INVALID_TAG, ErrorKind.RETRYING)


@dataclass(frozen=True)
class FhirError:
    """What could not be written to FHIR: of a study at most one of `INVALID_TAG` and one of the others.

    Attributes
    ----------
    message
        One sentence that says what is wrong and how to mend it, without any
        attribute of a patient; attributes are named by their keywords.
    attempts
        How often this revision was tried.
    """

    study: StudyKey
    revision: int
    kind: ErrorKind
    message: str
    attempts: int
    time: datetime


@dataclass(frozen=True)
class Publication:
    """What is known of a study in FHIR.

    Attributes
    ----------
    revision
        The last one published, recorded after the server confirmed it; 0: none yet.
    published_at
        None as long as none is.
    further
        What was published beside Patient, Endpoint and ImagingStudy, as
        ``DocumentReference/{id}`` or ``Observation/{id}``, so that it can be
        removed with what it tells of.
    """

    study: StudyKey
    revision: int = 0
    published_at: datetime | None = None
    further: tuple[str, ...] = ()
