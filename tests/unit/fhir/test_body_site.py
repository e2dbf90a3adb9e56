import csv

import pytest
from pydicom.sr import codes

from imaging.fhir import body_site as module
from imaging.fhir.body_site import body_site, of_body_part_examined
from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from tests.unit.fhir.samples import attributes, instance, series

SCT = "http://snomed.info/sct"
HEART = {"system": SCT, "code": "80891009", "display": "Heart"}


def site(*regions, **of_series):
    findings = Findings()
    instances = [
        instance(f"1.2.3.1.{number}", **({"AnatomicRegionSequence": [region]} if region is not None else {}))
        for number, region in enumerate(regions)
    ]
    return body_site(series("1.2.3.1", *instances, **of_series), CodingSchemes(), findings), findings.keywords


def region(value, scheme="SCT", meaning="Heart"):
    return attributes(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def test_the_region_that_all_instances_name_which_name_one():
    assert site(region("80891009"), None, region("T-32000", "SRT"), BodyPartExamined="CHEST") == (HEART, ())


def test_where_instances_disagree_the_body_part_of_the_series_counts():
    chest = {"system": SCT, "code": "816094009", "display": "Chest"}
    assert site(region("80891009"), region("10200004", meaning="Liver"), BodyPartExamined="CHEST") == (chest, ())
    assert site(region("80891009"), region("10200004", meaning="Liver")) == (None, ())


def test_a_code_comes_before_a_text():
    assert site(region("H1", "99LOCAL"), BodyPartExamined="HEART") == (HEART, ())
    assert site(region("H1", "99LOCAL"), BodyPartExamined="COEUR") == ({"display": "Heart"}, ())


def test_a_region_that_says_nothing_is_noted():
    assert site(attributes()) == (None, ("AnatomicRegionSequence",))


@pytest.mark.parametrize("written", ["CSPINE", "cspine", " C SPINE "])
def test_a_body_part_is_known_in_any_case_and_spacing(written):
    assert of_body_part_examined(written)["code"] == "122494005"


def test_a_body_part_that_the_table_does_not_have_stays_text():
    assert of_body_part_examined("BEIN LINKS") == {"display": "BEIN LINKS"}
    assert site(BodyPartExamined="\x01") == (None, ("BodyPartExamined",))


def test_the_table_has_numbers_of_snomed_ct_that_pass_their_check_digit():
    with module._TABLE.open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == len({row["body_part_examined"] for row in rows}) > 300
    assert [row for row in rows if _checksum(row["snomed_ct_code"]) or not row["meaning"]] == []


def test_the_table_says_of_common_regions_what_pydicom_says():
    """CID 4031, Common Anatomic Regions, by the meanings that both have."""
    by_meaning = {getattr(codes.cid4031, name).meaning: getattr(codes.cid4031, name) for name in codes.cid4031.dir()}
    with module._TABLE.open(newline="") as table:
        both = [row for row in csv.DictReader(table) if row["meaning"] in by_meaning]
    assert len(both) > 80
    assert [row for row in both if by_meaning[row["meaning"]].value != row["snomed_ct_code"]] == []


_DIHEDRAL = [[5 * ((i // 5 + j // 5) % 2) + ((i + (j if i < 5 else -j)) % 5) for j in range(10)] for i in range(10)]
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _checksum(number):
    """Verhoeff's, of which a SNOMED CT identifier has a check digit; 0 if it is right."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        permuted = int(digit)
        for _ in range(place % 8):
            permuted = _PERMUTATION[permuted]
        total = _DIHEDRAL[total][permuted]
    return total
