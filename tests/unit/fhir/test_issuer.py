from dataclasses import replace

import pytest

from imaging.fhir.issuer import is_local, issuer_system
from tests.unit.fhir.samples import LINKS, SPACE, attributes

LOCAL = "https://imaging.example.org/spaces/main/issuers"


def qualifiers(universal, kind, **further):
    return attributes(UniversalEntityID=universal, UniversalEntityIDType=kind, **further)


@pytest.mark.parametrize(
    ("issuer", "system"),
    [
        ("1.2.840.113619", "urn:oid:1.2.840.113619"),
        (" 1.2.840.113619 ", "urn:oid:1.2.840.113619"),
        ("urn:oid:1.2.840.113619", "urn:oid:1.2.840.113619"),
        ("http://hospital.example.org/mrn", "http://hospital.example.org/mrn"),
        ("0F1C33DE-5D0B-4C0B-9C39-0B4DD1C6A6AB", "urn:uuid:0f1c33de-5d0b-4c0b-9c39-0b4dd1c6a6ab"),
        ("ADT1", f"{LOCAL}/ADT1/patient-identifiers"),
        ("St. Mary/East", f"{LOCAL}/St.%20Mary%2FEast/patient-identifiers"),
        ("urn:oid:1|2", f"{LOCAL}/urn%3Aoid%3A1%7C2/patient-identifiers"),
        ("a\x00\ud800", f"{LOCAL}/a%00%3F/patient-identifiers"),
        ("東京", f"{LOCAL}/%E6%9D%B1%E4%BA%AC/patient-identifiers"),
    ],
)
def test_a_text_stands_for_itself_where_it_is_universal_and_is_a_name_below_ours_where_not(issuer, system):
    assert issuer_system(issuer, None, SPACE, LINKS) == system


@pytest.mark.parametrize(
    ("universal", "kind", "system"),
    [
        ("1.2.840.113619", "ISO", "urn:oid:1.2.840.113619"),
        ("1.2.840.113619", " iso ", "urn:oid:1.2.840.113619"),
        ("0F1C33DE-5D0B-4C0B-9C39-0B4DD1C6A6AB", "UUID", "urn:uuid:0f1c33de-5d0b-4c0b-9c39-0b4dd1c6a6ab"),
        ("http://hospital.example.org/mrn", "URI", "http://hospital.example.org/mrn"),
        ("Hospital.Example.org", "DNS", "dns:hospital.example.org"),
        ("AABBCC1122334455", "EUI64", f"{LOCAL}/AABBCC1122334455/patient-identifiers"),
        ("1.2.840.113619", "", "urn:oid:1.2.840.113619"),
        ("St. Mary", "ISO", f"{LOCAL}/St.%20Mary/patient-identifiers"),
        ("not a host!", "DNS", f"{LOCAL}/not%20a%20host%21/patient-identifiers"),
    ],
)
def test_a_universal_entity_id_is_read_as_its_type_says(universal, kind, system):
    assert issuer_system("", qualifiers(universal, kind), SPACE, LINKS) == system


def test_what_is_universal_goes_before_what_is_local():
    both = qualifiers("1.2.3", "ISO", LocalNamespaceEntityID="ADT1")
    assert issuer_system("ADT1", both, SPACE, LINKS) == "urn:oid:1.2.3"
    assert issuer_system("ADT1", qualifiers("no OID", "ISO"), SPACE, LINKS) == f"{LOCAL}/ADT1/patient-identifiers"


def test_a_local_name_differs_by_what_is_issued():
    local = attributes(LocalNamespaceEntityID="RIS")
    assert issuer_system("", local, SPACE, LINKS, "accession-numbers") == f"{LOCAL}/RIS/accession-numbers"


def test_who_is_not_named_has_no_system():
    assert issuer_system("", None, SPACE, LINKS) is None
    assert issuer_system("  ", {}, SPACE, LINKS) is None
    assert issuer_system("", qualifiers("", "ISO"), SPACE, LINKS) is None


def test_one_local_name_is_another_issuer_in_another_space():
    other = replace(SPACE, name="other")
    assert issuer_system("HIS", None, other, LINKS) != issuer_system("HIS", None, SPACE, LINKS)
    assert issuer_system("1.2.3", None, other, LINKS) == issuer_system("1.2.3", None, SPACE, LINKS)


@pytest.mark.parametrize(
    ("issuer", "qualified"),
    [
        (" HIS ", {}),
        ("", attributes(LocalNamespaceEntityID="HIS")),
        ("", qualifiers("HIS", "EUI64")),
        ("unknown", attributes(LocalNamespaceEntityID="HIS")),
    ],
)
def test_a_local_name_is_whom_the_space_is_configured_with(issuer, qualified):
    configured = replace(SPACE, issuers={"HIS": "urn:oid:1.2.9"})
    assert issuer_system(issuer, qualified, configured, LINKS) == "urn:oid:1.2.9"
    assert issuer_system(issuer, qualified, configured, LINKS, "accession-numbers") == "urn:oid:1.2.9"
    assert issuer_system("HIS", qualifiers("1.2.3", "ISO"), configured, LINKS) == "urn:oid:1.2.3"
    assert issuer_system("his", None, configured, LINKS) == f"{LOCAL}/his/patient-identifiers"


def test_a_name_that_we_gave_is_told_from_one_that_others_know():
    assert is_local(f"{LOCAL}/HIS/accession-numbers", SPACE, LINKS)
    assert not is_local("urn:oid:1.2.9", SPACE, LINKS)
