"""The ServiceRequest that a study answers."""

import pytest

from imaging.errors import Rejected, RejectReason
from imaging.ports.outside import NotAllowed, TooBusy
from tests.unit.fhir.fake_server import BY_ID, POST_ONLY
from tests.unit.fhir.samples import STUDY, attributes, instance, revision, series, small_revision
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


@pytest.mark.parametrize("version", ["", "/_history/1"])
@pytest.mark.parametrize("issuer", [{}, {"IssuerOfAccessionNumberSequence": ISSUED}])
def test_a_study_is_based_on_the_order_of_its_accession_number(publishing, version, issuer):
    publish(publishing, **issuer)
    publishing.server.write(order("o1", f"{patient(publishing)}{version}"))
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


def test_every_order_of_the_patient_that_bears_the_number_is_linked_and_none_of_another(publishing):
    publish(publishing)
    for logical_id, subject in (("o1", patient(publishing)), ("o2", patient(publishing)), ("o3", "Patient/other")):
        publishing.server.write(order(logical_id, subject))
    publishing.server.write({**order("o4", patient(publishing)), "status": "entered-in-error"})
    publishing.server.write({"resourceType": "Patient", "id": "other"})
    publish(publishing)
    assert based_on(publishing) == ["ServiceRequest/o1", "ServiceRequest/o2"]
    publish(publishing)
    assert len(publishing.server.transactions) == 2


def test_an_issuer_that_only_we_have_a_name_for_hides_no_order(publishing):
    local = {"IssuerOfAccessionNumberSequence": [{"00400031": {"vr": "UT", "Value": ["RIS"]}}]}
    publish(publishing, **local)
    publishing.server.write(order("o1", patient(publishing)))
    publish(publishing, **local)
    assert based_on(publishing) == ["ServiceRequest/o1"]


def test_an_order_with_two_of_the_studys_numbers_is_linked_once(publishing):
    requests = [attributes(AccessionNumber=number) for number in ("A1", "A2")]
    requested = series("1.2.3.1", instance("1.2.3.1.1"), RequestAttributesSequence=requests)
    publishing.finalize(revision(requested))
    publishing.publish(STUDY, 1)
    both = order("o1", patient(publishing))
    both["identifier"].append({"system": ISSUER, "value": "A2"})
    publishing.server.write(both)
    publishing.finalize(revision(requested, number=2))
    publishing.publish(STUDY, 2)
    assert based_on(publishing) == ["ServiceRequest/o1"]


def test_the_order_of_another_patient_is_not_the_studys(publishing):
    publish(publishing)
    publishing.server.write({"resourceType": "Patient", "id": "other"})
    publishing.server.write(order("o1", "Patient/other"))
    publish(publishing)
    assert based_on(publishing) == []


def test_the_order_of_another_servers_patient_is_not_the_studys(publishing):
    publish(publishing)
    publishing.server.write(order("o1", f"https://mpi.example.org/r4/{patient(publishing)}"))
    publish(publishing)
    assert based_on(publishing) == []


@pytest.mark.parametrize(
    "refusal",
    [Rejected(RejectReason.MALFORMED_REQUEST, "The FHIR server answered 400."), NotAllowed("It answered 403.")],
    ids=["it does not know the parameter", "it does not let us"],
)
def test_a_server_that_refuses_to_search_orders_gets_the_study_without_one(publishing, monkeypatch, caplog, refusal):
    search = publishing.server.search

    def refuse_orders(resource_type, criteria):
        if resource_type == "ServiceRequest":
            raise refusal
        return search(resource_type, criteria)

    monkeypatch.setattr(publishing.server, "search", refuse_orders)
    publish(publishing)
    publish(publishing, StudyDescription="new")
    assert publishing.server.only("ImagingStudy")["description"] == "new"
    assert based_on(publishing) == []
    assert publishing.entries == []
    assert str(refusal) in caplog.text


def test_a_server_that_is_too_busy_to_search_orders_is_asked_again(publishing, monkeypatch):
    publish(publishing)
    publishing.server.write(order("o1", patient(publishing)))
    monkeypatch.setattr(publishing.server, "search", too_busy)
    with pytest.raises(TooBusy):
        publish(publishing)
    monkeypatch.undo()
    publish(publishing)
    assert based_on(publishing) == ["ServiceRequest/o1"]


def test_of_many_accession_numbers_eight_are_looked_for(publishing):
    requests = [attributes(AccessionNumber=f"A{number}") for number in range(30)]
    requested = series("1.2.3.1", instance("1.2.3.1.1"), RequestAttributesSequence=requests)
    for number in (1, 2):
        publishing.finalize(revision(requested, number=number))
        publishing.publish(STUDY, number)
    assert publishing.server.calls.count("search ServiceRequest") == 8


@pytest.mark.parametrize(
    "told",
    [
        None,
        {"interaction": [{"code": "read"}]},
        {"interaction": [{"code": "search-type"}], "searchParam": [{"name": "_id"}]},
    ],
    ids=["no such type", "no search", "no such parameter"],
)
def test_a_server_that_says_it_finds_no_orders_is_not_asked_for_one(publishing, monkeypatch, told):
    statement = publishing.server.capabilities()
    resources = statement["rest"][0]["resource"]
    resources[:] = [each for each in resources if each["type"] != "ServiceRequest"]
    resources += [] if told is None else [{"type": "ServiceRequest", **told}]
    monkeypatch.setattr(publishing.server, "capabilities", lambda: statement)
    publish(publishing)
    publish(publishing)
    assert "search ServiceRequest" not in publishing.server.calls


def too_busy(resource_type, criteria):
    raise TooBusy("The FHIR server answered 429; it is tried again.")
