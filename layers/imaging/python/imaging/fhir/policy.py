"""What a deployment wants of its FHIR server: `FHIR_POLICY`, a JSON object."""

import json
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from imaging.settings import WrongSetting


class PatientTreatment(StrEnum):
    """How a Patient that exists is treated."""

    SYNC = "sync"
    """Name and gender are brought up to date; the birth date is set only on create."""
    CREATE_ONLY = "create-only"
    """It is never touched."""
    REFERENCE_ONLY = "reference-only"
    """None is ever created either: without a match the study is not published."""


class OnDelete(StrEnum):
    """What becomes of the ImagingStudy of a study that was deleted."""

    REMOVE = "remove"
    CANCEL = "cancel"
    """It stays, `cancelled`, without series."""


class Writes(StrEnum):
    """How a resource of ours gets its place on the server."""

    AUTO = "auto"
    """As its CapabilityStatement allows: the first of the following."""
    PUT_BY_ID = "put-by-id"
    CONDITIONAL_PUT = "conditional-put"
    SEARCH_THEN_PUT = "search-then-put"


@dataclass(frozen=True)
class PublishingPolicy:
    """How studies are published.

    Attributes
    ----------
    enforce_validation
        Whether an attribute that cannot be mapped keeps the whole study out.
    max_listed_instances
        A study with more has none of them in `series.instance`; the counts stay.
    document_references
        Whether SR and encapsulated documents get a DocumentReference.
    dose_observations
        Whether radiation dose reports get Observations.
    managing_organization
        Of the Endpoints, a reference such as ``Organization/123``; "" for none.
    invoke_image_display
        The address of a viewer's IHE Invoke Image Display (RAD-106), in which
        ``{space}`` stands for the space; "" for none.
    """

    patient: PatientTreatment = PatientTreatment.SYNC
    on_delete: OnDelete = OnDelete.REMOVE
    writes: Writes = Writes.AUTO
    enforce_validation: bool = False
    max_listed_instances: int = 2_000
    document_references: bool = False
    dose_observations: bool = False
    managing_organization: str = ""
    invoke_image_display: str = ""


def policy_of(setting: str) -> PublishingPolicy:
    """Read `FHIR_POLICY`; "" is the default policy.

    Raises
    ------
    WrongSetting
        If it is not a JSON object of the attributes of `PublishingPolicy`.
    """
    try:
        document: dict[str, Any] = json.loads(setting or "{}")
        values = {field.name: document.pop(field.name) for field in fields(PublishingPolicy) if field.name in document}
        if document:
            raise WrongSetting(f"FHIR_POLICY has no {', '.join(sorted(document))}.")
        for name, kind in (("patient", PatientTreatment), ("on_delete", OnDelete), ("writes", Writes)):
            if name in values:
                values[name] = kind(values[name])
    except (ValueError, TypeError, AttributeError) as error:
        raise WrongSetting(f"FHIR_POLICY cannot be read: {error}.") from None
    return PublishingPolicy(**values)
