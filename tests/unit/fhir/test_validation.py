import pytest

from imaging.errors import Rejected, RejectReason
from imaging.fhir.endpoint import endpoints
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.validation import checked
from tests.unit.fhir.samples import LINKS


def test_a_valid_resource_comes_back():
    (endpoint,) = endpoints("main", LINKS, PublishingPolicy())
    assert checked(endpoint) == endpoint


def test_the_message_names_elements_and_no_values():
    patient = {"resourceType": "Patient", "birthDate": "secret", "name": [{"family": ["secret"]}]}
    with pytest.raises(Rejected, match=r"birthDate.*name\.0\.family") as caught:
        checked(patient)
    assert caught.value.reason is RejectReason.NOT_ACCEPTABLE
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
