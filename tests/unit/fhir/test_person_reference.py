import pytest

from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.person_reference import person_references
from tests.unit.fhir.samples import attributes

NAMES, IDENTIFICATIONS = "00081060", "00081062"
SCHEMES = CodingSchemes(
    attributes(
        CodingSchemeIdentificationSequence=[attributes(CodingSchemeDesignator="99STAFF", CodingSchemeUID="1.2.9")]
    )
)


def people(names=(), identified=()):
    findings = Findings()
    found = person_references(
        {
            NAMES: {"vr": "PN", "Value": [name if name is None else {"Alphabetic": name} for name in names]},
            IDENTIFICATIONS: {"vr": "SQ", "Value": list(identified)},
        },
        NAMES,
        IDENTIFICATIONS,
        SCHEMES,
        findings,
    )
    return found, findings.keywords


def staff(number, meaning="", institution="", scheme="99STAFF"):
    coded = attributes(CodeValue=number, CodingSchemeDesignator=scheme, CodeMeaning=meaning)
    return attributes(PersonIdentificationCodeSequence=[coded], InstitutionName=institution)


def test_each_name_is_someone():
    assert people(["Curie^Marie", "Roentgen^Wilhelm"]) == (
        [{"display": "Marie Curie"}, {"display": "Wilhelm Roentgen"}],
        (),
    )


def test_identifications_go_with_the_names_in_their_order():
    found, keywords = people(["Curie^Marie", "Roentgen^Wilhelm"], [staff("1"), staff("2", institution="Wuerzburg")])
    assert found == [
        {"identifier": {"system": "urn:oid:1.2.9", "value": "1"}, "display": "Marie Curie"},
        {
            "identifier": {"system": "urn:oid:1.2.9", "value": "2", "assigner": {"display": "Wuerzburg"}},
            "display": "Wilhelm Roentgen",
        },
    ]
    assert keywords == ()


def test_an_identification_without_a_name_has_the_name_it_means():
    assert people([], [staff("1", "Dr. Curie")])[0] == [
        {"identifier": {"system": "urn:oid:1.2.9", "value": "1"}, "display": "Dr. Curie"}
    ]


def test_identifications_that_cannot_be_told_apart_are_left_out_and_noted():
    found, keywords = people(["Curie^Marie", "Roentgen^Wilhelm"], [staff("1")])
    assert found == [{"display": "Marie Curie"}, {"display": "Wilhelm Roentgen"}]
    assert keywords == ("PhysiciansReadingStudyIdentificationSequence",)


@pytest.mark.parametrize("item", [attributes(), attributes(InstitutionName="Sorbonne"), staff("")])
def test_an_identification_without_a_value_is_noted(item):
    found, keywords = people(["Curie^Marie"], [item])
    assert found == [{"display": "Marie Curie"}]
    assert keywords == ("PhysiciansReadingStudyIdentificationSequence",)


def test_an_identifier_of_an_unknown_issuer_is_given_without_system():
    assert people([], [staff("1", scheme="99OTHER")])[0] == [{"identifier": {"value": "1"}}]


def test_empty_names_are_nobody_and_unspeakable_ones_are_noted():
    assert people([None, "^^", "Curie"]) == ([{"display": "Curie"}], ())
    assert people(["\x00"]) == ([], ("NameOfPhysiciansReadingStudy",))
