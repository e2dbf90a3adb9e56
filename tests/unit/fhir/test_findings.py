from imaging.fhir.findings import Findings
from imaging.fhir.primitives import partial_date
from tests.unit.fhir.samples import attributes

BIRTH_DATE = "00100030"


def test_what_is_there_and_gives_nothing_is_named_by_its_keyword_alone():
    findings = Findings()
    assert findings.mapped(attributes(PatientBirthDate="19990231"), BIRTH_DATE, partial_date) is None
    assert findings.keywords == ("PatientBirthDate",)


def test_what_is_mapped_missing_or_blank_is_no_finding():
    findings = Findings()
    assert findings.mapped(attributes(PatientBirthDate="1999"), BIRTH_DATE, partial_date) == "1999"
    assert findings.mapped(attributes(PatientBirthDate="  "), BIRTH_DATE, partial_date) is None
    assert findings.mapped({}, BIRTH_DATE, partial_date) is None
    assert findings.keywords == ()


def test_a_mapped_zero_is_a_value():
    findings = Findings()
    assert findings.mapped(attributes(SeriesNumber="0"), "00200011", int) == 0
    assert findings.keywords == ()


def test_keywords_are_sorted_and_each_once_and_an_unknown_tag_stands_for_itself():
    findings = Findings(["00100040", "00100030"])
    findings.invalid("00100040")
    findings.invalid("00091001")
    assert findings.keywords == ("00091001", "PatientBirthDate", "PatientSex")
