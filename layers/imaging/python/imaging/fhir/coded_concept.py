"""Coded entries, the Code Sequence Macro of PS3.3 Section 8.8, as FHIR has codes."""

import re

from pydicom.sr._snomed_dict import mapping as snomed_mapping

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.coding_schemes import SNOMED_CT, SNOMED_DESIGNATORS, SNOMED_RT, CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.primitives import Resource, is_string, present, string
from imaging.fhir.sequence import items

_CODE_VALUE, _LONG_CODE_VALUE, _URN_CODE_VALUE = "00080100", "00080119", "00080120"
_CODING_SCHEME_DESIGNATOR, _CODE_MEANING, _EQUIVALENT_CODE_SEQUENCE = "00080102", "00080104", "00080121"

_CODE = re.compile(r"[^\s]+(\s[^\s]+)*\Z")  # https://hl7.org/fhir/R4/datatypes.html#code


def codeable_concepts(attributes: Attributes, tag: str, schemes: CodingSchemes, findings: Findings) -> list[Resource]:
    """Each item of a code sequence that says anything; one that does not is noted."""
    concepts = [codeable_concept(item, schemes) for item in items(attributes, tag)]
    if None in concepts:
        findings.invalid(tag)
    return [concept for concept in concepts if concept]


def codeable_concept(item: Attributes, schemes: CodingSchemes) -> Resource | None:
    """A coded entry with its equivalents (0008,0121), and what it means in the words of who chose it."""
    codings = [coding(each, schemes) for each in (item, *items(item, _EQUIVALENT_CODE_SEQUENCE))]
    coded = [each for each in codings if each and "code" in each]
    return present(coding=coded, text=string(text(item, _CODE_MEANING))) or None


def coding(item: Attributes, schemes: CodingSchemes) -> Resource | None:
    """A coded entry; of a scheme that nothing explains only its meaning, as its codes say nothing elsewhere."""
    system, code = system_and_code(item, schemes)
    display = string(text(item, _CODE_MEANING))
    if system and code:
        return present(system=system, code=code, display=display)
    return {"display": display} if display else None


def system_and_code(item: Attributes, schemes: CodingSchemes) -> tuple[str | None, str | None]:
    """The URI of the code system and the code, each None if it is missing or FHIR cannot hold it."""
    urn = text(item, _URN_CODE_VALUE).strip()
    if urn:
        return "urn:ietf:rfc:3986", _code(urn)  # no designator goes with it: PS3.3 Section 8.1
    code = _code(text(item, _CODE_VALUE).strip() or text(item, _LONG_CODE_VALUE).strip())
    designator = text(item, _CODING_SCHEME_DESIGNATOR).strip()
    if code and designator in SNOMED_DESIGNATORS:
        return _snomed(code)
    return schemes.system(designator), code


def _code(value: str) -> str | None:
    return value if _CODE.match(value) and is_string(value) else None


def _snomed(code: str) -> tuple[str, str]:
    """A SNOMED code as one of SNOMED CT, as far as PS3.16 Annex O knows it.

    The form of the code tells what it is, as senders mix up the designators:
    only those of SNOMED CT are numbers.
    """
    if code.isdigit():
        return SNOMED_CT, code
    of_snomed_ct = snomed_mapping["SRT"].get(code)
    return (SNOMED_CT, of_snomed_ct) if of_snomed_ct else (SNOMED_RT, code)
