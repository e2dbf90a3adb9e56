"""The Endpoints of a space: where the images of its studies are retrieved, and where they are shown.

Sources: https://hl7.org/fhir/R4/endpoint.html,
https://hl7.org/fhir/R4/codesystem-endpoint-connection-type.html
"""

from imaging.fhir.identity import endpoint_id
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.primitives import Resource, present
from imaging.model.links import Links

CONNECTION_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
ELEMENTS = (
    "status",
    "connectionType",
    "name",
    "payloadType",
    "payloadMimeType",
    "address",
)
"""All but managingOrganization, which others may have written where none is configured."""

_WADO_RS, _INVOKE_IMAGE_DISPLAY = "dicom-wado-rs", "ihe-iid"


def endpoints(space: str, links: Links, policy: PublishingPolicy) -> list[Resource]:
    """`dicom-wado-rs`, then `ihe-iid` where a viewer is configured."""
    found = [wado_rs(space, links, policy)]
    if policy.invoke_image_display:
        found.append(invoke_image_display(space, policy))
    return found


def wado_rs(space: str, links: Links, policy: PublishingPolicy) -> Resource:
    """PS3.18 Section 10.4.

    A client appends ``/studies/{study}`` to the address:
    https://hl7.org/fhir/R4/imagingstudy.html#notes
    """
    return present(
        resourceType="Endpoint",
        id=endpoint_id(space, _WADO_RS),
        status="active",
        connectionType={"system": CONNECTION_TYPE, "code": _WADO_RS},
        name=f"DICOM WADO-RS of {space}",
        managingOrganization=_managing_organization(policy),
        # Required, and its value set has nothing for images; the text is that of R4's own WADO-RS example.
        payloadType=[{"text": "DICOM WADO-RS"}],
        payloadMimeType=["application/dicom"],
        address=links.space(space),
    )


def invoke_image_display(space: str, policy: PublishingPolicy) -> Resource:
    """IHE Radiology Technical Framework, Volume 2, Section 4.106 (Invoke Image Display).

    A client appends ``?requestType=STUDY&studyUID={study}`` to the address,
    and gets a page for people; so there is no payload MIME type.
    """
    return present(
        resourceType="Endpoint",
        id=endpoint_id(space, _INVOKE_IMAGE_DISPLAY),
        status="active",
        connectionType={"system": CONNECTION_TYPE, "code": _INVOKE_IMAGE_DISPLAY},
        name=f"IHE Invoke Image Display of {space}",
        managingOrganization=_managing_organization(policy),
        payloadType=[{"text": "IHE Invoke Image Display"}],
        address=policy.invoke_image_display.replace("{space}", space),
    )


def _managing_organization(policy: PublishingPolicy) -> Resource | None:
    return {"reference": policy.managing_organization} if policy.managing_organization else None
