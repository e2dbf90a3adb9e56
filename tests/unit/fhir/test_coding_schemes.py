from imaging.fhir.coding_schemes import CodingSchemes
from tests.unit.fhir.samples import attributes


def described(designator="99LOCAL", **values):
    return attributes(
        CodingSchemeIdentificationSequence=[attributes(CodingSchemeDesignator=designator, **values)],
    )


def fhir_name(url, kind="FHIR"):
    return {"CodingSchemeResourcesSequence": [attributes(CodingSchemeURLType=kind, CodingSchemeURL=url)]}


def test_a_private_scheme_goes_by_the_uid_that_the_instance_tells():
    assert CodingSchemes(described(CodingSchemeUID="1.2.3")).system("99LOCAL") == "urn:oid:1.2.3"


def test_its_fhir_name_comes_before_its_uid():
    scheme = described(CodingSchemeUID="1.2.3", **fhir_name("http://example.org/codes"))
    assert CodingSchemes(scheme).system("99LOCAL") == "http://example.org/codes"


def test_a_url_of_another_kind_or_that_is_none_is_no_name():
    for resource in (fhir_name("http://example.org/about", kind="DOC"), fhir_name("see our page")):
        assert CodingSchemes(described(**resource)).system("99LOCAL") is None


def test_what_instances_say_of_a_known_scheme_does_not_count():
    assert CodingSchemes(described("LN", CodingSchemeUID="1.2.3")).system("LN") == "http://loinc.org"


def test_a_designator_that_stands_for_two_schemes_stands_for_none():
    schemes = CodingSchemes(described(CodingSchemeUID="1.2.3"), described(CodingSchemeUID="1.2.4"))
    assert schemes.system("99LOCAL") is None


def test_items_with_missing_parts_say_nothing():
    schemes = CodingSchemes(described("", CodingSchemeUID="1.2.3"), described(), described(CodingSchemeUID="x"))
    assert schemes.system("99LOCAL") is None
    assert schemes.system("") is None
