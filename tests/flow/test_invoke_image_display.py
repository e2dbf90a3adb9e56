"""From the patient's record to the viewer's address, as an electronic health record goes: IHE RAD-106."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from imaging.model.identifiers import InstanceKey
from tests.flow.client import Client, eventually, instances_of, new_study

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NAME = "Shown^Never"
ACCESSION_NUMBER = f"A{uuid4().hex[:12]}"
PATIENT_ID = f"P+{uuid4().hex[:8]}&1"  # of characters that mean something in a query and to HL7


@pytest.fixture(scope="module")
def keys(client: Client) -> list[InstanceKey]:
    """Two studies of a patient in one space, of which the newer is in the other space too, and one of somebody else."""
    older, newer, other = (new_study()[0] for _ in range(3))
    patient = {"PatientID": PATIENT_ID, "IssuerOfPatientID": "Acme Hospital", "PatientName": NAME}
    for key, attributes in (
        (older, {**patient, "StudyDate": "20200101"}),
        (newer, {**patient, "StudyDate": "20210101", "AccessionNumber": ACCESSION_NUMBER}),
        (other, {"PatientID": f"Q{uuid4().hex[:8]}"}),
    ):
        client.stow(instances_of([key], **attributes))
    copy = InstanceKey("research", newer.study_instance_uid, newer.series_instance_uid, newer.sop_instance_uid)
    client.stow(instances_of([copy], **patient, StudyDate="20210101"), "research")
    for key in (older, newer, other, copy):
        client.wait_for_revision(key, 1)
    return [older, newer, other]


@pytest.fixture
def ask(client: Client) -> Callable[..., httpx.Response]:
    """Invoke the image display, over all spaces."""

    def asked(headers: dict[str, str] = BROWSER, method: str = "GET", **parameters: str) -> httpx.Response:
        address = f"{client.system.front}/IHEInvokeImageDisplay"
        return client.http.request(method, address, params=parameters, headers=headers)

    return asked


def shown(client: Client, answer: httpx.Response) -> tuple[str, list[str]]:
    """In which space the viewer opens, and what."""
    assert answer.status_code == 302, answer.text
    assert answer.headers["cache-control"] == "no-store"
    address = answer.headers["location"]
    assert address.startswith(f"{client.system.front}/viewer/viewer/")
    parts = urlsplit(address)
    return parts.path.rpartition("/")[2], parse_qs(parts.query)["StudyInstanceUIDs"][0].split(",")


def test_the_record_of_each_space_leads_to_the_viewer_on_its_own_study(client: Client, keys: list[InstanceKey]) -> None:
    _, newer, _ = keys
    studies = eventually("two records", lambda: two if len(two := client.imaging_studies(newer)) == 2 else None)
    opened = set()
    for study in studies:
        displays = [
            endpoint["address"]
            for reference in study["endpoint"]
            if (endpoint := client.http.get(f"{client.system.endpoints['fhir']}/{reference['reference']}").json())[
                "connectionType"
            ]["code"]
            == "ihe-iid"
        ]
        (display,) = displays
        uid = study["identifier"][0]["value"].removeprefix("urn:oid:")
        opened.add(str(shown(client, client.http.get(display, params={"requestType": "STUDY", "studyUID": uid}))))
    assert opened == {str((space, [newer.study_instance_uid])) for space in ("main", "research")}


def test_studies_open_in_the_first_space_that_has_them(client: Client, keys: list[InstanceKey], ask) -> None:
    older, newer, _ = (key.study_instance_uid for key in keys)
    assert shown(client, ask(requestType="STUDY", studyUID=f"{older},{newer}")) == ("main", [newer, older])
    assert shown(client, ask(requestType="STUDY", accessionNumber=ACCESSION_NUMBER)) == ("main", [newer])
    assert shown(client, ask(requestType="STUDY", studyUID=newer, space="research")) == ("research", [newer])
    assert shown(client, ask(method="HEAD", requestType="STUDY", studyUID=newer)) == ("main", [newer])


def test_a_patient_is_opened_by_number_and_who_assigned_it(client: Client, keys: list[InstanceKey], ask) -> None:
    older, newer, _ = (key.study_instance_uid for key in keys)
    cx = f"{PATIENT_ID.replace('&', '%T%')}^^^Acme Hospital".replace("%", "\\")
    narrowed = {"requestType": "PATIENT", "patientID": cx, "space": "main"}
    assert shown(client, ask(**narrowed, patientName=NAME)) == ("main", [newer, older])
    assert shown(client, ask(**narrowed, mostRecentResults="1")) == ("main", [newer])
    upper = ask(**narrowed, upperDateTime="2020-06-30T12:00:00+01:00", modalitiesInStudy="CT,MR")
    assert shown(client, upper) == ("main", [older])
    assert ask(requestType="PATIENT", patientID=PATIENT_ID.replace("&", "\\T\\") + "^^^Elsewhere").status_code == 404


def test_what_cannot_be_shown_is_told_to_people_and_to_programs(client: Client, keys: list[InstanceKey], ask) -> None:
    older, _, other = (key.study_instance_uid for key in keys)
    page = ask(requestType="STUDY", studyUID=f"{older},{other}")
    assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "different patients" in page.text
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    unknown = ask(headers={"Accept": "*/*"}, requestType="STUDY", studyUID="1.2.3")
    assert unknown.status_code == 404
    assert "Nothing" in unknown.json()["error"]
    refused = ask(requestType="PATIENT", patientID=PATIENT_ID.replace("&", "\\T\\"), patientName="Someone^Else")
    assert refused.status_code == 400
    for answer in (page, unknown, refused):
        assert not any(known in answer.text for known in (NAME, "Someone", PATIENT_ID, "Acme"))


def test_what_is_asked_is_in_no_log(client: Client, keys: list[InstanceKey], ask) -> None:
    mark = f"N{uuid4().hex}"
    ask(requestType="PATIENT", patientID=mark, patientName=mark)
    logs = [path for path in client.system.state_dir.rglob("*") if path.is_file() and path.suffix in (".log", ".txt")]
    assert logs
    assert not any(mark.encode() in path.read_bytes() for path in (*logs, client.system.output))
