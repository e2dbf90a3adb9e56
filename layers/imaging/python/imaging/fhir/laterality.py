"""The side of a paired body part that a series shows."""

from imaging.fhir.coding_schemes import SNOMED_CT
from imaging.fhir.findings import Findings
from imaging.fhir.primitives import Resource
from imaging.model.revision import RevisionSeries

_LATERALITY, _IMAGE_LATERALITY = "00200060", "00200062"

_UNPAIRED = ""
# PS3.3 Sections C.7.3.1 and C.8.11.7: the terms of both attributes, as sides.
_SIDES = {"R": "R", "L": "L", "B": "RL", "U": _UNPAIRED}
# PS3.16 CID 244.
_CODES = {
    frozenset("R"): {"system": SNOMED_CT, "code": "24028007", "display": "Right"},
    frozenset("L"): {"system": SNOMED_CT, "code": "7771000", "display": "Left"},
    frozenset("RL"): {"system": SNOMED_CT, "code": "51440002", "display": "Bilateral"},
}


def laterality(series: RevisionSeries, findings: Findings) -> Resource | None:
    """Laterality (0020,0060) of the series, else what Image Laterality (0020,0062) of its instances comes to.

    An unpaired body part has none.
    """
    sides = findings.mapped(series.attributes, _LATERALITY, _sides)
    if sides is None:
        stated = (findings.mapped(each.attributes, _IMAGE_LATERALITY, _sides) for each in series.instances)
        sides = "".join(each for each in stated if each)
    return _CODES.get(frozenset(sides))


def _sides(value: str) -> str | None:
    return _SIDES.get(value.strip())
