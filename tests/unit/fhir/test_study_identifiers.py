from dataclasses import replace

import pytest
from pydicom.datadict import tag_for_keyword

from imaging.fhir.findings import Findings
from imaging.fhir.study_identifiers import study_identifiers
from tests.unit.fhir.samples import LINKS, SPACE, attributes, instance, revision, series

ACSN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
ISSUERS = {"HIS": "urn:oid:1.2.7"}


def identifiers(*requests, **of_study):
    """Those beside the Study Instance UID, which always comes first."""
    findings = Findings()
    study = revision(
        series("1.2.3.1", instance("1.2.3.1.1"), RequestAttributesSequence=list(requests)),
        of_study=attributes(**of_study),
    )
    uid, *others = study_identifiers(study, replace(SPACE, issuers=ISSUERS), LINKS, findings)
    assert uid == {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}
    return others, findings.keywords


def issued(oid="1.2.9", **values):
    return [attributes(UniversalEntityID=oid, UniversalEntityIDType="ISO", **values)]


def test_an_accession_number_is_typed():
    assert identifiers(AccessionNumber=" A1 ") == ([{"type": ACSN, "value": "A1"}], ())


def test_its_issuer_is_its_system_and_assigner():
    found, keywords = identifiers(
        AccessionNumber="A1", IssuerOfAccessionNumberSequence=issued(LocalNamespaceEntityID="RIS")
    )
    assert found == [{"type": ACSN, "system": "urn:oid:1.2.9", "value": "A1", "assigner": {"display": "RIS"}}]
    assert keywords == ()


def test_a_local_issuer_has_a_name_of_the_space_or_the_one_that_is_configured():
    found, _ = identifiers(
        AccessionNumber="A1", IssuerOfAccessionNumberSequence=[attributes(LocalNamespaceEntityID="RIS 2")]
    )
    assert found[0]["system"] == "https://imaging.example.org/spaces/main/issuers/RIS%202/accession-numbers"
    found, _ = identifiers(
        AccessionNumber="A1", IssuerOfAccessionNumberSequence=[attributes(LocalNamespaceEntityID="HIS")]
    )
    assert found[0]["system"] == "urn:oid:1.2.7"


def test_a_study_of_several_requests_has_the_number_of_each():
    requests = (
        attributes(AccessionNumber="A1"),
        attributes(AccessionNumber="A2"),
        attributes(),
        attributes(AccessionNumber="A1"),
    )
    assert [each["value"] for each in identifiers(*requests)[0]] == ["A1", "A2"]


def test_one_number_is_given_once_with_its_issuer():
    request = attributes(AccessionNumber="A1", IssuerOfAccessionNumberSequence=issued())
    assert identifiers(request, AccessionNumber="A1") == (
        [{"type": ACSN, "system": "urn:oid:1.2.9", "value": "A1"}],
        (),
    )


def test_an_issuer_that_says_nothing_is_noted():
    found, keywords = identifiers(
        AccessionNumber="A1", IssuerOfAccessionNumberSequence=[attributes(LocalNamespaceEntityID=" ")]
    )
    assert found == [{"type": ACSN, "value": "A1"}]
    assert keywords == ("IssuerOfAccessionNumberSequence",)


def test_the_study_id_is_secondary():
    assert identifiers(StudyID="427")[0] == [{"use": "secondary", "type": {"text": "Study ID"}, "value": "427"}]


@pytest.mark.parametrize("keyword", ["AccessionNumber", "StudyID"])
@pytest.mark.parametrize(
    "attribute",
    [
        {"vr": "SH", "Value": ["A\x001"]},
        {"vr": "SH", "Value": ["A\ufffd1"]},
        {"vr": "SH", "Value": ["A1", "B2"]},
        {"vr": "US", "Value": [1]},
    ],
)
def test_an_identifier_that_is_none_as_it_stands_is_not_mended(keyword, attribute):
    findings, tag = Findings(), f"{tag_for_keyword(keyword):08X}"
    study = revision(series("1.2.3.1", instance("1.2.3.1.1")), of_study={tag: attribute})
    assert len(study_identifiers(study, SPACE, LINKS, findings)) == 1
    assert findings.keywords == (keyword,)
