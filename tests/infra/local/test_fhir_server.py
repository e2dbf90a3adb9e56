"""The FHIR server of the local run, as a process: what it acknowledged it keeps, and it keeps nothing else."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local import fhir_process
from infra.local.child import Child
from infra.local.ports import any_free_port
from infra.local.settings import Settings

PATIENT = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:example", "value": "1"}]}


class Server:
    def __init__(self, state_dir: Path) -> None:
        self.settings = Settings.of({"STATE_DIR": str(state_dir), "PORT": "8080"})
        self.journal = state_dir / "fhir" / "journal.jsonl"
        self.log_file = state_dir / "fhir.log"
        state_dir.mkdir(exist_ok=True)
        self.process: Child | None = None
        self.start()

    def start(self) -> None:
        port = any_free_port()
        self.process = fhir_process.start(self.settings, port, self.log_file)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}/fhir", trust_env=False)
        fhir_process.wait_ready(self.process, port)

    def crash(self) -> None:
        self.client.close()
        self.process._process.send_signal(signal.SIGKILL)
        self.process._process.wait()

    def close(self) -> None:
        self.client.close()
        self.process.stop()

    def transaction(self, *entries: dict[str, Any]) -> httpx.Response:
        return self.client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": list(entries)})


def put(resource: dict[str, Any], **request: str) -> dict[str, Any]:
    address = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": address, **request}}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> None:
    fhir_process.prepare(tmp_path_factory.mktemp("npm") / "npm.log")


@pytest.fixture
def started(prepared: None, tmp_path: Path) -> Iterator[Callable[[], Server]]:
    servers: list[Server] = []

    def start() -> Server:
        servers.append(Server(tmp_path / f"state-{len(servers)}"))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def server(prepared: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("fhir"))
    yield server
    server.close()


def test_an_update_of_an_unknown_id_creates_it_and_versions_count_up(server: Server) -> None:
    patient = {**PATIENT, "id": "counted"}

    created = server.client.put("/Patient/counted", json=patient)
    updated = server.client.put("/Patient/counted", json={**patient, "active": True})

    assert (created.status_code, created.headers["etag"]) == (201, 'W/"1"')
    assert created.headers["location"] == "http://127.0.0.1:8080/fhir/Patient/counted/_history/1"
    assert (updated.status_code, updated.headers["etag"]) == (200, 'W/"2"')
    assert server.client.get("/Patient/counted/_history/1").json()["meta"]["versionId"] == "1"


def test_an_update_of_another_version_than_the_current_one_is_refused(server: Server) -> None:
    patient = {**PATIENT, "id": "guarded"}
    server.client.put("/Patient/guarded", json=patient)

    refused = server.client.put("/Patient/guarded", json=patient, headers={"If-Match": 'W/"7"'})

    assert refused.status_code == 412
    assert server.client.get("/Patient/guarded").json()["meta"]["versionId"] == "1"


def test_a_resource_that_breaks_its_profile_is_refused(server: Server) -> None:
    refused = server.client.put("/Patient/invalid", json={**PATIENT, "id": "invalid", "shoeSize": 43})

    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == ["Patient.shoeSize"]
    assert server.client.get("/Patient/invalid").status_code == 404


def test_the_history_reads_the_same_every_time(server: Server) -> None:
    for active in (True, False):
        server.client.put("/Patient/twice", json={**PATIENT, "id": "twice", "active": active})

    first, second = (server.client.get("/Patient/twice/_history").json() for _ in range(2))

    assert first == second
    assert [entry["resource"]["meta"]["versionId"] for entry in first["entry"]] == ["2", "1"]


def test_a_deleted_resource_is_gone_and_keeps_its_history(server: Server) -> None:
    server.client.put("/Patient/left", json={**PATIENT, "id": "left"})

    assert server.client.delete("/Patient/left").status_code == 200
    assert server.client.delete("/Patient/left").status_code == 200, "again: no effect"

    assert server.client.get("/Patient/left").status_code == 410
    history = server.client.get("/Patient/left/_history").json()["entry"]
    assert [entry.get("request", {}).get("method", "a version") for entry in history] == ["DELETE", "a version"]
    assert server.client.put("/Patient/left", json={**PATIENT, "id": "left"}).headers["etag"] == 'W/"3"'


def test_a_transaction_that_fails_changes_nothing(server: Server) -> None:
    server.client.put("/Patient/stays", json={**PATIENT, "id": "stays"})

    failed = server.transaction(
        put({**PATIENT, "id": "stays", "active": True}),
        put({**PATIENT, "id": "new"}),
        put({**PATIENT, "id": "stays-not", "gender": "female"}, ifMatch='W/"9"'),
    )

    assert failed.status_code >= 400
    assert server.client.get("/Patient/stays").json()["meta"]["versionId"] == "1"
    assert "active" not in server.client.get("/Patient/stays").json()
    assert server.client.get("/Patient/new").status_code == 404
    assert server.client.get("/Patient/new/_history").status_code == 404


def test_a_transaction_with_an_entry_that_says_not_what_to_do_is_refused_whole(server: Server) -> None:
    refused = server.transaction(put({**PATIENT, "id": "beside"}), {"resource": {**PATIENT, "id": "nothing"}})

    assert refused.status_code == 400
    assert server.client.get("/Patient/beside").status_code == 404


def test_a_transaction_resolves_the_references_between_its_entries(server: Server) -> None:
    placeholder = "urn:uuid:11111111-1111-4111-8111-111111111111"
    study = {
        "resourceType": "ImagingStudy",
        "id": "of-new",
        "status": "available",
        "subject": {"reference": placeholder},
    }

    answer = server.transaction(
        {
            "fullUrl": placeholder,
            "resource": {"resourceType": "Patient"},
            "request": {"method": "POST", "url": "Patient"},
        },
        put(study),
    ).json()

    patient, study = (entry["resource"] for entry in answer["entry"])
    assert study["subject"]["reference"] == f"Patient/{patient['id']}"
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201", "201"]
    assert answer["entry"][1]["response"]["etag"] == 'W/"1"'


def test_a_search_gives_pages_that_lead_to_one_another(server: Server) -> None:
    for name in ("a", "b", "c"):
        server.client.put(f"/Endpoint/{name}", json=endpoint(name))

    first = server.client.get("/Endpoint", params={"_count": 2}).json()
    address = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = server.client.get(address.removeprefix("http://127.0.0.1:8080/fhir")).json()

    assert first["total"] == 3
    assert [entry["resource"]["id"] for page in (first, second) for entry in page["entry"]] == ["a", "b", "c"]
    assert first["entry"][0]["fullUrl"] == "http://127.0.0.1:8080/fhir/Endpoint/a"
    assert all(link["relation"] != "next" for link in second["link"])


def endpoint(name: str) -> dict[str, Any]:
    code = {"system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "code": "dicom-wado-rs"}
    address = "http://127.0.0.1:8080/spaces/main"
    required = {"status": "active", "connectionType": code, "payloadType": [{"text": "DICOM"}], "address": address}
    return {"resourceType": "Endpoint", "id": name, **required}


def test_what_is_no_request_is_answered_with_an_outcome(server: Server) -> None:
    for answer in (
        server.client.post("/Patient", content=b"{"),
        server.client.post("/Patient", content=b"null"),
        server.client.post("/Patient", content=b"5"),
        server.client.get("/Patient/a/b/c"),
        server.client.get("/_fail"),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.json()["resourceType"] == "OperationOutcome"


def test_nobody_can_make_it_fail_unless_it_was_started_so(
    started: Callable[[], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILURE_SWITCH", "1")
    server = started()

    server.client.post("/_fail?n=2&status=503")

    statuses = [server.client.put("/Patient/p1", json=PATIENT).status_code for _ in range(3)]
    assert statuses == [503, 503, 201]


def test_a_killed_server_comes_back_with_all_it_acknowledged(started: Callable[[], Server]) -> None:
    server = started()
    server.client.put("/Patient/p1", json=PATIENT)
    server.client.put("/Patient/p1", json={**PATIENT, "active": True})
    server.transaction(put({**PATIENT, "id": "p2"}), put({**PATIENT, "id": "p3"}))
    server.client.delete("/Patient/p2")
    server.transaction(put({**PATIENT, "id": "p4"}), put({**PATIENT, "id": "p5"}, ifMatch='W/"9"'))
    reads = ["/Patient/p1", "/Patient/p1/_history", "/Patient/p2", "/Patient/p2/_history", "/Patient/p3", "/Patient/p4"]
    before = [(server.client.get(read).status_code, server.client.get(read).json()) for read in reads]

    server.crash()
    server.start()

    assert [(server.client.get(read).status_code, server.client.get(read).json()) for read in reads] == before
    assert server.client.put("/Patient/p1", json=PATIENT).headers["etag"] == 'W/"3"'


def test_a_line_torn_by_a_crash_is_dropped_and_written_over(started: Callable[[], Server]) -> None:
    server = started()
    server.client.put("/Patient/p1", json=PATIENT)
    server.crash()
    with server.journal.open("a") as journal:
        journal.write('[{"put":{"resourceType":"Patient","id":"torn"')

    server.start()
    server.client.put("/Patient/p2", json={**PATIENT, "id": "p2"})
    server.crash()
    server.start()

    assert server.client.get("/Patient/p1").status_code == 200
    assert server.client.get("/Patient/p2").status_code == 200
    assert server.client.get("/Patient/torn").status_code == 404


def test_a_damaged_journal_is_named_and_not_passed_over(started: Callable[[], Server]) -> None:
    server = started()
    server.crash()
    server.journal.write_text("not a change\n[]\n")

    with pytest.raises(Exception, match="did not start"):
        server.start()

    assert "journal.jsonl is damaged in line 1" in server.log_file.read_text()


def test_it_can_do_what_it_says_of_imaging_studies_and_patients(server: Server) -> None:
    statement = server.client.get("/metadata").json()
    told = {each["type"]: each for each in statement["rest"][0]["resource"]}
    assert {each["code"] for each in statement["rest"][0]["interaction"]} == {"transaction", "batch"}
    promises = ("updateCreate", "conditionalCreate", "conditionalUpdate", "conditionalDelete", "versioning")
    for kind in ("Patient", "Endpoint", "ImagingStudy"):
        assert [told[kind][name] for name in promises] == [True, True, True, "single", "versioned-update"]
    one = {"resourceType": "Patient", "identifier": [{"system": "urn:example", "value": "conditional"}]}
    of_it = {"identifier": "urn:example|conditional"}
    if_none = {"If-None-Exist": "identifier=urn:example|conditional"}

    created = server.client.post("/Patient", json=one, headers=if_none)
    address = f"/Patient/{created.json()['id']}"
    attempts = [
        server.client.post("/Patient", json=one, headers=if_none),
        server.client.put("/Patient", params=of_it, json={**one, "active": True}),
        server.client.patch(address, json=[{"op": "add", "path": "/gender", "value": "other"}]),
        server.client.put("/Patient", params={"identifier": "urn:example|another"}, json=one),
        server.client.put("/Patient", params=of_it, json=one),  # now two have it
        server.client.put("/Patient/never", json={**one, "id": "never"}, headers={"If-Match": 'W/"1"'}),
        server.client.delete(address, headers={"If-Match": 'W/"1"'}),
        server.client.delete(address),
        server.client.delete("/Patient", params=of_it),
    ]

    assert [each.status_code for each in attempts] == [200, 200, 200, 201, 412, 412, 412, 200, 200]
    assert server.client.get("/Patient", params=of_it).json()["total"] == 0


@pytest.fixture(scope="module")
def cohort(server: Server) -> Server:
    """Three patients with a CT study and a prescription each; the lungs of two are ill, one of these is young."""
    sct, dcm = "http://snomed.info/sct", "http://dicom.nema.org/resources/ontology/DCM"
    entries = []
    for number, (birth_date, code) in enumerate(
        [("1950-01-01", "254637007"), ("1950", "1"), ("1999-05-05", "254637007")]
    ):
        subject = {"reference": f"Patient/cohort-{number}"}
        identified = [{"system": "urn:example:cohort", "value": f"{number}"}]
        series = {"uid": f"1.2.{number}.1", "modality": {"system": dcm, "code": "CT"}}
        entries += [
            put(each)
            for each in (
                {
                    "resourceType": "Patient",
                    "id": f"cohort-{number}",
                    "identifier": identified,
                    "birthDate": birth_date,
                },
                {
                    "resourceType": "Condition",
                    "id": f"cohort-{number}",
                    "subject": subject,
                    "code": {"coding": [{"system": sct, "code": code}]},
                },
                {
                    "resourceType": "MedicationRequest",
                    "id": f"cohort-{number}",
                    "status": "active",
                    "intent": "order",
                    "subject": subject,
                    "medicationCodeableConcept": {"text": "Cisplatin"},
                },
                {
                    "resourceType": "ImagingStudy",
                    "id": f"cohort-{number}",
                    "status": "available",
                    "subject": subject,
                    "started": f"2026-0{number + 1}-10T10:00:00+01:00",
                    "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:1.2.{number}"}],
                    "series": [series],
                },
            )
        ]
    assert server.transaction(*entries).status_code == 200
    return server


LUNG = "http://snomed.info/sct|254637007"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("ImagingStudy?subject=Patient/cohort-0", "0"),
        ("ImagingStudy?subject=cohort-0", "0"),
        ("ImagingStudy?subject=http://127.0.0.1:8080/fhir/Patient/cohort-0", "0"),
        ("ImagingStudy?patient.identifier=urn:example:cohort|1", "1"),
        ("ImagingStudy?subject:Patient.identifier=urn:example:cohort|1,urn:example:cohort|2", "12"),
        ("ImagingStudy?identifier=urn:dicom:uid|urn:oid:1.2.2", "2"),
        ("ImagingStudy?modality=CT&started=ge2026-02-01&started=lt2026-03-01", "1"),
        (f"ImagingStudy?modality=CT&patient.birthdate=le1981-11-22&patient._has:Condition:patient:code={LUNG}", "0"),
        (f"MedicationRequest?patient._has:Condition:patient:code={LUNG}", "02"),
        (
            f"MedicationRequest?patient._has:Condition:patient:code={LUNG}&patient._has:ImagingStudy:patient:modality=MR",
            "",
        ),
        (f"Patient?_has:Condition:patient:code={LUNG}&_has:ImagingStudy:patient:started=ge2026-02-01", "2"),
        (f"Condition?code={LUNG}&subject=Patient/cohort-2", "2"),
    ],
)
def test_finds_imaging_and_clinical_data_by_one_another(cohort: Server, asked: str, found: str) -> None:
    kind, _, criteria = asked.partition("?")

    by_address = cohort.client.get(f"/{asked}").json()
    as_form = cohort.client.post(
        f"/{kind}/_search",
        content=str(httpx.QueryParams(criteria)),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ).json()

    for answer in (by_address, as_form):
        assert [entry["resource"]["id"] for entry in answer.get("entry", [])] == [f"cohort-{each}" for each in found]
    assert as_form["link"][0]["url"].startswith(f"http://127.0.0.1:8080/fhir/{kind}?")


def test_gives_a_cohort_with_its_patients_and_prescriptions_at_once(cohort: Server) -> None:
    asked = {
        "modality": "CT",
        "patient._has:Condition:patient:code": LUNG,
        "_include": "ImagingStudy:patient",
        "_revinclude:iterate": "MedicationRequest:patient",
    }

    answer = cohort.client.get("/ImagingStudy", params=asked).json()

    kinds = ("ImagingStudy", "Patient", "MedicationRequest")
    expected = sorted((kind, f"cohort-{number}") for kind in kinds for number in (0, 2))
    assert sorted((e["resource"]["resourceType"], e["resource"]["id"]) for e in answer["entry"]) == expected
    assert answer["total"] == 2
    assert "entry" not in cohort.client.get("/ImagingStudy", params={"modality": "CT", "_summary": "count"}).json()


@pytest.mark.parametrize(
    "asked",
    [
        "Patient?shoe-size=43",
        "Patient?_has:Condition:patient",
        "Patient?_has:Shoe:patient:size=43",
        "ImagingStudy?subject.identifier=1",
        "ImagingStudy?patient.shoe-size=43",
    ],
)
def test_a_criterion_that_it_does_not_know_is_refused_with_a_sentence(server: Server, asked: str) -> None:
    refused = server.client.get(f"/{asked}")

    assert refused.status_code == 400
    assert refused.json()["issue"][0]["details"]["text"]
