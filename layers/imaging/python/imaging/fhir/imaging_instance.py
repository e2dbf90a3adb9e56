"""An instance of a series of an ImagingStudy."""

from imaging.fhir.findings import Findings
from imaging.fhir.instance_title import title
from imaging.fhir.primitives import Resource, present, unsigned_int
from imaging.model.revision import RevisionInstance

_INSTANCE_NUMBER = "00200013"


def imaging_instance(instance: RevisionInstance, findings: Findings) -> Resource:
    """SOP Instance UID (0008,0018), SOP Class UID (0008,0016), Instance Number (0020,0013), and a title."""
    return present(
        uid=instance.sop_instance_uid,
        # https://hl7.org/fhir/R4/terminologies-systems.html: UIDs are codes of the system of URIs
        sopClass={"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{instance.sop_class_uid}"},
        number=findings.mapped(instance.attributes, _INSTANCE_NUMBER, unsigned_int),
        title=title(instance.attributes, findings),
    )
