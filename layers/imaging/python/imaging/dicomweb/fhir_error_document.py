"""What could not be written to FHIR, as it is told over HTTP."""

from typing import Any

from imaging.model.publication import FhirError


def fhir_error_document(entry: FhirError) -> dict[str, Any]:
    """The entry, without the study and the revision that it is of."""
    return {
        "kind": entry.kind.value,
        "message": entry.message,
        "attempts": entry.attempts,
        "time": entry.time.isoformat(timespec="microseconds"),
    }
