"""The last look at a resource before it goes out.

The models are those of R4B (4.3.0); a server speaks R4 (4.0.1). For what is
published the two have the same elements.
"""

from typing import Any

from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.endpoint import Endpoint
from fhir.resources.R4B.imagingstudy import ImagingStudy
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.patient import Patient
from pydantic import ValidationError

from imaging.errors import Rejected, RejectReason
from imaging.fhir.primitives import Resource

_MODELS: dict[str, Any] = {
    "DocumentReference": DocumentReference,
    "Endpoint": Endpoint,
    "ImagingStudy": ImagingStudy,
    "Observation": Observation,
    "Patient": Patient,
}


def checked(resource: Resource) -> Resource:
    """Return `resource` if its model accepts it.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE`; the message names the elements, never their values.
    """
    kind = resource["resourceType"]
    try:
        _MODELS[kind].model_validate(resource)
    except ValidationError as error:
        elements = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
        raise Rejected(
            RejectReason.NOT_ACCEPTABLE, f"The study's {kind} would not be valid FHIR in {', '.join(elements)}."
        ) from None
    return resource
