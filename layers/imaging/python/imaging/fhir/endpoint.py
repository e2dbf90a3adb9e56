"""The Endpoint of a space: where the images of its studies are retrieved."""

from imaging.fhir.identity import endpoint_id
from imaging.fhir.primitives import Resource
from imaging.model.links import Links

CONNECTION_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
ELEMENTS = ("status", "connectionType", "name", "payloadType", "payloadMimeType", "address")


def endpoint(space: str, links: Links) -> Resource:
    """The `dicom-wado-rs` Endpoint, PS3.18 Section 10.4.

    A client appends ``/studies/{study}`` to the address:
    https://hl7.org/fhir/R4/imagingstudy.html#notes
    """
    return {
        "resourceType": "Endpoint",
        "id": endpoint_id(space),
        "status": "active",
        "connectionType": {"system": CONNECTION_TYPE, "code": "dicom-wado-rs"},
        "name": f"DICOM WADO-RS of {space}",
        # Required, and its value set has nothing for images; the text is that of R4's own WADO-RS example.
        "payloadType": [{"text": "DICOM WADO-RS"}],
        "payloadMimeType": ["application/dicom"],
        "address": links.space(space),
    }
