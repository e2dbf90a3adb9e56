"""Who performed a series."""

from imaging.dicom.attributes import Attributes
from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.person_reference import person_references
from imaging.fhir.primitives import Resource

_PARTICIPATION_TYPE = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


def performers(attributes: Attributes, schemes: CodingSchemes, findings: Findings) -> list[Resource]:
    """Performing Physician's Name (0008,1050) and Operators' Name (0008,1070), with their identification.

    The physician is the performer, the operators assist, as technicians do:
    https://hl7.org/fhir/R4/valueset-series-performer-function.html
    """
    physicians = person_references(attributes, "00081050", "00081052", schemes, findings)
    operators = person_references(attributes, "00081070", "00081072", schemes, findings)
    return [
        *(_performer("PRF", "performer", each) for each in physicians),
        *(_performer("SPRF", "secondary performer", each) for each in operators),
    ]


def _performer(code: str, display: str, actor: Resource) -> Resource:
    return {
        "function": {"coding": [{"system": _PARTICIPATION_TYPE, "code": code, "display": display}]},
        "actor": actor,
    }
