"""Read what of a space could not be written to FHIR."""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.model.publication import ErrorKind, FhirError
from imaging.ports.publication import FhirErrors


@dataclass(frozen=True)
class FhirErrorsPage:
    """Entries, newest first.

    Attributes
    ----------
    next
        What the next page is asked for after; empty if this is the last.
    """

    entries: Sequence[FhirError]
    next: str


class ReadFhirErrors:
    """Reads the entries; where nothing is published to FHIR there are none."""

    def __init__(self, errors: FhirErrors) -> None:
        self._errors = errors

    def __call__(self, space: str, kind: ErrorKind | None, *, after: str, limit: int) -> FhirErrorsPage:
        """Entries of one kind, or of all."""
        return FhirErrorsPage(*self._errors.read_errors(space, kind, after=after, limit=limit))
