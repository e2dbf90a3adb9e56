import pytest

from imaging.fhir.findings import Findings
from imaging.fhir.instance_title import title
from tests.unit.fhir.samples import attributes

REPORT = attributes(CodeValue="18748-4", CodingSchemeDesignator="LN", CodeMeaning="Diagnostic imaging report")
AXIAL = {"00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY", None, "AXIAL"]}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"DocumentTitle": "Letter", "ConceptNameCodeSequence": [REPORT]}, "Letter"),
        ({"ContentLabel": "KEY", "ConceptNameCodeSequence": [REPORT]}, "KEY"),
        ({"ConceptNameCodeSequence": [REPORT]}, "Diagnostic imaging report"),
        ({"ConceptNameCodeSequence": [attributes()]}, "ORIGINAL\\PRIMARY\\\\AXIAL"),
        ({}, "ORIGINAL\\PRIMARY\\\\AXIAL"),
    ],
)
def test_the_most_telling_attribute_is_the_title(values, expected):
    assert title({**AXIAL, **attributes(**values)}, Findings()) == expected


def test_an_instance_without_any_has_no_title():
    assert title({}, Findings()) is None


def test_a_title_that_fhir_cannot_hold_is_noted():
    findings = Findings()
    assert title(attributes(DocumentTitle="\x00"), findings) is None
    assert findings.keywords == ("DocumentTitle",)
