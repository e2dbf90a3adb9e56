"""What an attempt to publish a study leaves for people to read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from imaging.dicom.attributes import MAX_VALUE_CHARACTERS
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir.findings import Findings
from imaging.fhir.mapped_attributes import MAPPED
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from imaging.model.revision import Revision

_MOST_REASONS = 3
_NOT_ALL = "The study itself is in FHIR as it is now, its documents and dose observations not all:"
_STAYS = (
    "The FHIR server does not delete the ImagingStudy of the deleted study, as it may while another resource refers to "
    "it; it stays as cancelled: remove the reference there, or set imaging.fhir.on_delete to cancel, then have "
    "`imaging publish` try again."
)


@dataclass(frozen=True)
class Entries:
    """Words what became of a study.

    Attributes
    ----------
    attempts
        How often it was tried.
    is_last
        Whether nobody tries again unasked.
    """

    study: StudyKey
    attempts: int
    is_last: bool
    clock: Callable[[], datetime]

    def failed(self, revision: int, failure: Exception) -> FhirError:
        """Of what may pass by itself."""
        return self._entry(self._later, revision, _why(failure))

    def refused(self, revision: int, refusal: Rejected) -> FhirError:
        """Of a study that cannot be published, or that the server refuses."""
        return self._entry(_kind(refusal), revision, str(refusal))

    def stays(self, revision: int) -> FhirError:
        """Of a study that should have gone from the server."""
        return self._entry(ErrorKind.FHIR_REFUSED, revision, _STAYS)

    def further_failed(self, revision: int, failure: Exception) -> FhirError:
        """Of what goes with a study that is published itself."""
        return self._entry(self._later, revision, f"{_NOT_ALL} {_why(failure)}")

    def further_refused(self, revision: int, refusals: Sequence[Rejected]) -> FhirError | None:
        """Of what goes with a study that is published itself; None if nothing was refused."""
        kinds = {str(refusal): _kind(refusal) for refusal in refusals}
        if not kinds:
            return None
        is_servers = ErrorKind.FHIR_REFUSED in kinds.values()
        kind = ErrorKind.FHIR_REFUSED if is_servers else ErrorKind.NOT_PUBLISHED
        return self._entry(kind, revision, " ".join([_NOT_ALL, *sorted(kinds)[:_MOST_REASONS]]))

    def left_out(self, revision: Revision, findings: Findings) -> FhirError | None:
        """Of a study that is published without some of what it says."""
        too_long = Findings(MAPPED.intersection(revision.too_long)).keywords
        messages = []
        if findings.keywords:
            messages.append(
                f"Published without what {', '.join(findings.keywords)} should have given: FHIR cannot hold it; "
                "correct the attributes and store the study again."
            )
        if too_long:
            messages.append(
                f"Published without what {', '.join(too_long)} should have given, which is valid and is too long to "
                f"be indexed (over {MAX_VALUE_CHARACTERS:,} characters, or too much in all); the instances have it."
            )
        if not messages:
            return None
        return self._entry(ErrorKind.INVALID_TAG, revision.number, " ".join(messages))

    @property
    def _later(self) -> ErrorKind:
        return ErrorKind.RETRIES_EXHAUSTED if self.is_last else ErrorKind.RETRYING

    def _entry(self, kind: ErrorKind, revision: int, message: str) -> FhirError:
        return FhirError(self.study, revision, kind, message, self.attempts, self.clock())


def _kind(refusal: Rejected) -> ErrorKind:
    """The server refuses content; all else is found before it is asked."""
    is_servers = refusal.reason is RejectReason.MALFORMED_REQUEST
    return ErrorKind.FHIR_REFUSED if is_servers else ErrorKind.NOT_PUBLISHED


def _why(failure: Exception) -> str:
    if isinstance(failure, Unavailable):
        return str(failure)
    return f"Publishing failed in a way that nobody foresaw ({type(failure).__name__}); its log says where."
