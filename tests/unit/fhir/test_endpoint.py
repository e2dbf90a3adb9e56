from imaging.fhir.endpoint import ELEMENTS, endpoint
from imaging.fhir.validation import checked
from tests.unit.fhir.samples import LINKS


def test_its_address_is_the_dicomweb_root_of_the_space():
    assert endpoint("research", LINKS)["address"] == "https://imaging.example.org/spaces/research"


def test_it_is_valid_fhir():
    checked(endpoint("research", LINKS))


def test_every_element_that_the_mapping_gives_is_declared_ours():
    assert endpoint("main", LINKS).keys() - {"resourceType", "id"} == set(ELEMENTS)
