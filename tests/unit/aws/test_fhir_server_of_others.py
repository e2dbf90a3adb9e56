"""The client, against a FHIR R4 server that nobody here wrote."""

import os

import pytest

from imaging.aws.fhir_server import HttpFhirServer
from imaging.errors import Rejected
from imaging.ports.outside import VersionConflict
from infra.local import fhir_process
from infra.local.ports import any_free_port
from infra.local.settings import Settings

# What a form, a query and FHIR's own syntax of criteria could each take for theirs.
AWKWARD = r"St. Mary's+East/ä&=%2B 7|8,9$\ "


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fhir")
    port = any_free_port()
    settings = Settings.of({**os.environ, "PORT": str(port), "STATE_DIR": str(folder)})
    fhir_process.prepare(folder / "npm.txt")
    process = fhir_process.start(settings, port, folder / "log.txt")
    try:
        fhir_process.wait_ready(process, port)
        server = HttpFhirServer(settings.fhir)
        yield server
        server.close()
    finally:
        process.stop()


def put(patient, **request):
    return {"resource": patient, "request": {"method": "PUT", "url": f"Patient/{patient['id']}", **request}}


def transaction(*entries):
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def patient(logical_id, system, value):
    return {"resourceType": "Patient", "id": logical_id, "identifier": [{"system": system, "value": value}]}


def test_it_is_asked_what_it_can_do(server):
    (rest,) = server.capabilities()["rest"]
    assert {"code": "transaction"} in rest["interaction"]
    (told,) = (each for each in rest["resource"] if each["type"] == "ImagingStudy")
    assert told["updateCreate"] is True


def test_finds_all_pages_of_what_it_wrote_and_nothing_else(server):
    system = "urn:example:many"
    for first in range(0, 120, 40):
        server.transact(transaction(*(put(patient(f"many-{n}", system, str(n))) for n in range(first, first + 40))))

    found = server.search("Patient", {"identifier": f"{system}|"})

    assert sorted(each["id"] for each in found) == sorted(f"many-{number}" for number in range(120))
    assert [each["id"] for each in server.search("Patient", {"identifier": f"{system}|7"})] == ["many-7"]
    assert server.search("Patient", {"identifier": "urn:example:none|7"}) == []


def test_finds_an_identifier_of_any_characters(server):
    server.transact(transaction(put(patient("awkward", "urn:example:awkward", AWKWARD.replace("|", "")))))
    value = AWKWARD.replace("|", "").replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$")

    found = server.search("Patient", {"identifier": f"urn:example:awkward|{value}"})

    assert [each["id"] for each in found] == ["awkward"]


def test_tells_where_a_server_that_chooses_the_ids_put_a_resource(server):
    criteria = "identifier=urn:example:chosen|1"
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "PUT", "url": f"Patient?{criteria}"}}
    entry["resource"]["identifier"] = [{"system": "urn:example:chosen", "value": "1"}]

    created, repeated = (server.transact(transaction(entry))[0] for _ in range(2))

    assert (created["status"][:3], repeated["status"][:3]) == ("201", "200")
    kind, logical_id, *_ = created["location"].split("/")
    assert server.read(kind, logical_id)["meta"]["versionId"] == "2"


def test_who_was_slower_learns_of_it(server):
    slow = patient("raced", "urn:example:raced", "1")
    server.transact(transaction(put(slow)))
    server.transact(transaction(put({**slow, "active": True}, ifMatch='W/"1"')))

    with pytest.raises(VersionConflict, match="412"):
        server.transact(transaction(put({**slow, "active": False}, ifMatch='W/"1"')))

    assert server.read("Patient", "raced")["active"] is True


def test_a_criterion_that_the_server_does_not_know_is_refused(server):
    with pytest.raises(Rejected, match=r"answered 400 \(invalid\)"):
        server.search("Patient", {"shoe-size": "43"})
