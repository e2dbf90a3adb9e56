"""The anatomy that a series shows.

References
----------
https://hl7.org/fhir/R4/imagingstudy-definitions.html#ImagingStudy.series.bodySite
"""

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from imaging.dicom.attributes import Attributes
from imaging.fhir.coded_concept import coding
from imaging.fhir.coding_schemes import SNOMED_CT, CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.primitives import Resource, string
from imaging.fhir.sequence import first_item
from imaging.model.revision import RevisionSeries

_BODY_PART_EXAMINED, _ANATOMIC_REGION_SEQUENCE = "00180015", "00082218"

# The terms for humans of PS3.16 Annex L, Table L-1, with their SNOMED CT codes.
_TABLE = Path(__file__).with_name("body_parts.csv")


def body_site(series: RevisionSeries, schemes: CodingSchemes, findings: Findings) -> Resource | None:
    """What its instances name in common in Anatomic Region Sequence (0008,2218), else Body Part Examined (0018,0015).

    A code comes before a text, whichever of the two gives it.
    """
    regions = _regions((instance.attributes for instance in series.instances), schemes, findings)
    found = [*(regions if len(regions) == 1 else ())]
    examined = findings.mapped(series.attributes, _BODY_PART_EXAMINED, of_body_part_examined)
    if examined:
        found.append(examined)
    return next((each for each in found if "code" in each), found[0] if found else None)


def of_body_part_examined(value: str) -> Resource | None:
    """A Body Part Examined as a code, in any case and spacing; text that Table L-1 does not have as it stands."""
    known = _body_parts().get("".join(value.split()).upper())
    if known:
        return {"system": SNOMED_CT, **known}
    display = string(value)
    return {"display": display} if display else None


def _regions(instances: Iterable[Attributes], schemes: CodingSchemes, findings: Findings) -> list[Resource]:
    """The different anatomic regions of the instances that have one; an instance has at most one."""
    different: list[Resource] = []
    for attributes in instances:
        item = first_item(attributes, _ANATOMIC_REGION_SEQUENCE)
        if item is None:
            continue
        region = coding(item, schemes)
        if region is None:
            findings.invalid(_ANATOMIC_REGION_SEQUENCE)
        elif region not in different:
            different.append(region)
    return different


@cache
def _body_parts() -> Mapping[str, Resource]:
    with _TABLE.open(newline="") as table:
        return {
            row["body_part_examined"]: {"code": row["snomed_ct_code"], "display": row["meaning"]}
            for row in csv.DictReader(table)
        }
