import pytest

from imaging.fhir.coded_concept import codeable_concept, codeable_concepts, coding
from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from tests.unit.fhir.samples import attributes

SCHEMES = CodingSchemes()
PROCEDURE_CODE_SEQUENCE = "00081032"


def code(value="1", scheme="", meaning="", **further):
    return attributes(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning, **further)


@pytest.mark.parametrize(
    ("value", "scheme", "system", "as_code"),
    [
        ("80891009", "SCT", "http://snomed.info/sct", "80891009"),
        ("T-32000", "SRT", "http://snomed.info/sct", "80891009"),
        ("T-32000", "99SDM", "http://snomed.info/sct", "80891009"),
        ("T-32000", "SCT", "http://snomed.info/sct", "80891009"),
        ("T-ZZZZZ", "SNM3", "http://snomed.info/srt", "T-ZZZZZ"),
        ("18748-4", "LN", "http://loinc.org", "18748-4"),
        ("113014", "DCM", "http://dicom.nema.org/resources/ontology/DCM", "113014"),
        ("RPID16", "RADLEX", "http://www.radlex.org", "RPID16"),
        ("C0018787", "UMLS", "http://terminology.hl7.org/CodeSystem/umls", "C0018787"),
        ("R05", "I10", "http://hl7.org/fhir/sid/icd-10", "R05"),
        ("R05.9", "I10C", "http://hl7.org/fhir/sid/icd-10-cm", "R05.9"),
        ("BW24YZZ", "I10P", "http://www.cms.gov/Medicare/Coding/ICD10", "BW24YZZ"),
        ("786.2", "I9C", "http://hl7.org/fhir/sid/icd-9-cm", "786.2"),
        ("786.2", "I9CDX", "http://hl7.org/fhir/sid/icd-9-cm", "786.2"),
        ("87.41", "I9CP", "http://hl7.org/fhir/sid/icd-9-cm", "87.41"),
        ("71260", "C4", "http://www.ama-assn.org/go/cpt", "71260"),
        ("71260", "CPT4", "http://www.ama-assn.org/go/cpt", "71260"),
        ("G0297", "HPC", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "G0297"),
        ("262688", "MDC", "urn:iso:std:iso:11073:10101", "262688"),
    ],
)
def test_a_code_of_a_known_scheme_is_one_of_fhirs_code_system(value, scheme, system, as_code):
    assert coding(code(value, scheme, "Meant"), SCHEMES) == {"system": system, "code": as_code, "display": "Meant"}


@pytest.mark.parametrize("scheme", ["99LOCAL", "", " "])
def test_a_code_of_an_unknown_scheme_is_only_its_meaning(scheme):
    assert coding(code("CT17", scheme, "Lung"), SCHEMES) == {"display": "Lung"}
    assert codeable_concept(code("CT17", scheme, "Lung"), SCHEMES) == {"text": "Lung"}


def test_a_long_code_and_a_urn_are_codes_too():
    long = "http://example.org/" + "x" * 60
    assert coding(attributes(LongCodeValue="1" * 20, CodingSchemeDesignator="LN"), SCHEMES) == {
        "system": "http://loinc.org",
        "code": "1" * 20,
    }
    assert coding(attributes(URNCodeValue=long), SCHEMES) == {"system": "urn:ietf:rfc:3986", "code": long}


def test_what_a_code_means_is_said_in_text_too():
    said = codeable_concept(code("24628-0", "LN", "CT with contrast"), SCHEMES)
    assert said == {
        "coding": [{"system": "http://loinc.org", "code": "24628-0", "display": "CT with contrast"}],
        "text": "CT with contrast",
    }


def test_equivalent_codes_stand_beside_what_a_local_one_means():
    item = code("CT17", "99LOCAL", "Lung", EquivalentCodeSequence=[code("24628-0", "LN", "CT Chest"), code("", "LN")])
    assert codeable_concept(item, SCHEMES) == {
        "coding": [{"system": "http://loinc.org", "code": "24628-0", "display": "CT Chest"}],
        "text": "Lung",
    }


@pytest.mark.parametrize("value", ["two  spaces", "a\x00b", "\u2003"])
def test_a_value_that_is_no_fhir_code_leaves_the_meaning(value):
    assert coding(code(value, "LN", "Meant"), SCHEMES) == {"display": "Meant"}


def test_an_item_that_says_nothing_is_a_finding_and_hides_no_other():
    findings = Findings()
    sequence = attributes(ProcedureCodeSequence=[code("17", "99LOCAL"), code("24628-0", "LN"), attributes()])
    assert codeable_concepts(sequence, PROCEDURE_CODE_SEQUENCE, SCHEMES, findings) == [
        {"coding": [{"system": "http://loinc.org", "code": "24628-0"}]}
    ]
    assert findings.keywords == ("ProcedureCodeSequence",)
