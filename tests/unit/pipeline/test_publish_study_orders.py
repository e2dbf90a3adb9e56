"""The ServiceRequest that a study answers."""

import pytest

from tests.unit.fhir.fake_server import BY_ID, POST_ONLY
from tests.unit.fhir.samples import STUDY, small_revision
from tests.unit.pipeline.publishing import Publishing

ISSUER = "urn:oid:1.2.3.9"
ISSUED = [{"00400032": {"vr": "UT", "Value": ["1.2.3.9"]}, "00400033": {"vr": "CS", "Value": ["ISO"]}}]


def order(logical_id, subject, value="A1", system=ISSUER):
    return {
        "resourceType": "ServiceRequest",
        "id": logical_id,
        "identifier": [{"system": system, "value": value}],
        "subject": {"reference": subject},
    }


@pytest.fixture(params=[BY_ID, POST_ONLY], ids=["put by id", "post only"])
def publishing(request):
    return Publishing(request.param)


def publish(publishing, **of_study):
    number = publishing.fence.numbers.get(STUDY, 0) + 1
    publishing.finalize(small_revision(number=number, **{"AccessionNumber": "A1", **of_study}))
    publishing.publish(STUDY, number)


def based_on(publishing):
    return [each["reference"] for each in publishing.server.only("ImagingStudy").get("basedOn", [])]


def patient(publishing):
    return f"Patient/{publishing.server.only('Patient')['id']}"


@pytest.mark.parametrize("address", ["", "https://fhir.example.org/r4/"])
@pytest.mark.parametrize("issuer", [{}, {"IssuerOfAccessionNumberSequence": ISSUED}])
def test_a_study_is_based_on_the_order_of_its_accession_number(publishing, address, issuer):
    publish(publishing, **issuer)
    publishing.server.write(order("o1", f"{address}{patient(publishing)}"))
    publishing.server.write(order("o2", patient(publishing), value="A2"))
    publish(publishing, **issuer)
    assert based_on(publishing) == ["ServiceRequest/o1"]
    publish(publishing, **issuer)
    assert len(publishing.server.transactions) == 2
    publish(publishing, AccessionNumber="A2")
    assert based_on(publishing) == ["ServiceRequest/o2"]
    publish(publishing, AccessionNumber="")
    assert based_on(publishing) == []


def test_the_order_of_another_issuer_is_another(publishing):
    publish(publishing)
    publishing.server.write(order("o1", patient(publishing), system="urn:oid:9"))
    publish(publishing, IssuerOfAccessionNumberSequence=ISSUED)
    assert based_on(publishing) == []


def test_a_number_that_two_orders_bear_says_nothing(publishing):
    publish(publishing)
    for logical_id in ("o1", "o2"):
        publishing.server.write(order(logical_id, patient(publishing)))
    publish(publishing)
    assert based_on(publishing) == []


def test_the_order_of_another_patient_is_not_the_studys(publishing):
    publish(publishing)
    publishing.server.write({"resourceType": "Patient", "id": "other"})
    publishing.server.write(order("o1", "Patient/other"))
    publish(publishing)
    assert based_on(publishing) == []


def test_a_server_without_orders_is_not_asked_for_one(publishing, monkeypatch):
    statement = publishing.server.capabilities()
    resources = statement["rest"][0]["resource"]
    resources[:] = [each for each in resources if each["type"] != "ServiceRequest"]
    monkeypatch.setattr(publishing.server, "capabilities", lambda: statement)
    publish(publishing)
    publish(publishing)
    assert "search ServiceRequest" not in publishing.server.calls
