from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.reasons import reasons
from tests.unit.fhir.samples import attributes, instance, revision, series

COUGH = attributes(CodeValue="R05", CodingSchemeDesignator="I10", CodeMeaning="Cough")
FEVER = attributes(CodeValue="R50", CodingSchemeDesignator="I10", CodeMeaning="Fever")


def of(*requests, **of_study):
    findings = Findings()
    each_series = [
        series(f"1.2.3.{number}", instance(f"1.2.3.{number}.1"), RequestAttributesSequence=[request])
        for number, request in enumerate(requests)
    ]
    found = reasons(revision(*each_series, of_study=attributes(**of_study)), CodingSchemes(), findings)
    return [each["coding"][0]["code"] if "coding" in each else each["text"] for each in found], findings.keywords


def request(text="", *coded):
    return attributes(ReasonForTheRequestedProcedure=text, ReasonForRequestedProcedureCodeSequence=list(coded))


def test_code_and_text_of_every_request_are_reasons_once():
    assert of(request("Coughs", COUGH), request("Coughs", COUGH, FEVER)) == (["R05", "Coughs", "R50"], ())


def test_the_reason_for_what_was_performed_comes_after_those_of_the_request():
    assert of(request("", COUGH), ReasonForPerformedProcedureCodeSequence=[FEVER, COUGH]) == (["R05", "R50"], ())


def test_a_request_without_a_reason_gives_none():
    assert of(attributes()) == ([], ())


def test_a_reason_that_cannot_be_told_is_noted():
    assert of(request("", attributes(CodeValue="1"))) == ([], ("ReasonForRequestedProcedureCodeSequence",))
