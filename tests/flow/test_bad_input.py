"""Whatever comes from outside gets the standard's status and a sentence; never a 5xx, never a trace, nothing stored."""

import pytest

from tests.flow.client import BOUNDARY, instances_of, new_study
from tests.instances import part10_instance

STUDY = "2.25.1"
MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
FAILED_SEQUENCES = {"00081198", "0008119A"}
PATIENT_NAME = "Never^Logged"
DAMAGES = ("not DICOM", "cut in the header", "cut in the pixels", "no UIDs", "UID that climbs")


def damaged(how: str) -> bytes:
    """An instance that must be refused."""
    (key,) = new_study()
    (whole,) = instances_of([key], PatientName=PATIENT_NAME)
    match how:
        case "not DICOM":
            return b"Hello, this is no image." * 50
        case "cut in the header":
            return whole[:400]
        case "cut in the pixels":
            return whole[:-64]
        case "no UIDs":
            return whole.replace(key.study_instance_uid.encode(), b" " * len(key.study_instance_uid))
        case "UID that climbs":
            return whole.replace(
                key.sop_instance_uid.encode(), b"../../etc/passwd".ljust(len(key.sop_instance_uid), b"0")
            )
    raise AssertionError(how)


@pytest.fixture(scope="module")
def stored_with_damaged(client):
    """For each damage a healthy study that came with it, and the answer; all become quiet at the same time."""
    studies = {how: new_study() for how in DAMAGES}
    return {how: (healthy, client.stow([damaged(how), *instances_of(healthy)])) for how, healthy in studies.items()}


@pytest.mark.parametrize("how", DAMAGES)
def test_refuses_a_damaged_instance_alone(client, stored_with_damaged, how):
    healthy, answer = stored_with_damaged[how]
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert FAILED_SEQUENCES & answer.json().keys()
    assert client.stow([damaged(how)]).status_code == 409
    assert PATIENT_NAME not in answer.text
    assert len(client.wait_for_revision(healthy[0], 1)["additions"]) == 1


def test_refuses_an_instance_of_another_study(client):
    keys = new_study()
    assert client.stow(instances_of(keys), study="2.25.999").status_code == 409


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/spaces/nowhere/studies", 404),
        ("GET", "/spaces/main/nothing", 404),
        ("GET", f"/spaces/main/studies/{STUDY}", 404),
        ("GET", f"/spaces/main/studies/{STUDY}/metadata", 404),
        ("GET", f"/spaces/main/studies/{STUDY}/revisions", 404),
        ("GET", f"/spaces/main/studies/{STUDY}/revisions/1", 404),
        ("GET", "/spaces/main/studies/..%2f..%2fetc", 404),
        ("GET", "/spaces/main/studies/1.2.x", 400),
        ("GET", f"/spaces/main/studies/{'1' * 200}", 400),
        ("GET", "/spaces/main/studies?NoSuchKey=1", 400),
        ("GET", "/spaces/main/studies?StudyDate=yesterday", 400),
        ("GET", "/spaces/main/studies?limit=-1", 400),
        ("GET", "/nowhere", 404),
        ("DELETE", f"/spaces/main/studies/{STUDY}", 404),
        ("DELETE", f"/spaces/main/studies/{STUDY}/series/2.25.2/instances/2.25.3", 404),
        ("DELETE", "/spaces/nowhere/studies/1.2", 404),
        ("DELETE", "/spaces/main/studies", 404),
        ("DELETE", f"/spaces/main/studies/{STUDY}/metadata", 404),
        ("DELETE", "/spaces/main/studies/1.2.x", 400),
        ("PUT", f"/spaces/main/studies/{STUDY}", 403),
    ],
)
def test_answers_a_bad_request_with_a_sentence(client, method, path, status):
    answer = client.http.request(method, client.system.front + path)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("text/plain", b"x", 415),
        (MULTIPART, b"no boundary anywhere", 400),
        (MULTIPART, b"", 400),
        ('multipart/related; type="application/dicom"', b"x", 400),
        (MULTIPART, b"x" * 5_000_000, 400),  # by the gateway
        (MULTIPART, b"x" * 11_000_000, 400),
    ],
)
def test_refuses_a_body_it_cannot_take(client, content_type, body, status):
    address = f"{client.system.dicomweb()}/studies"
    answer = client.http.post(address, content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("accept", ["image/jpeg", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50"])
def test_says_what_it_offers_when_nothing_is_acceptable(client, stored_with_damaged, accept):
    (key,), _ = stored_with_damaged["not DICOM"]
    client.wait_for_revision(key, 1)
    answer = client.http.get(
        f"{client.system.dicomweb()}/studies/{key.study_instance_uid}/series/{key.series_instance_uid}"
        f"/instances/{key.sop_instance_uid}",
        headers={"Accept": accept},
    )
    assert answer.status_code == 406
    assert answer.json()["error"]


def test_an_accept_header_that_names_nothing_is_not_answered_in_base64(client):
    answer = client.http.get(f"{client.system.dicomweb()}/studies", headers={"Accept": ""})
    assert (answer.status_code, answer.json()["error"][-1]) == (406, ".")


def test_an_instance_with_attributes_longer_than_a_row_is_stored_and_found(client):
    (key,) = keys = new_study()
    large = part10_instance(key, ImageComments="x" * 10_000, StudyDescription="y" * 64)
    client.stow([large])
    client.wait_for_revision(keys[0], 1)
    assert client.instance_bytes(key) == large


def test_no_name_of_a_patient_is_in_any_log(client):
    keys = new_study()
    client.stow([*instances_of(keys, PatientName=PATIENT_NAME), damaged("cut in the pixels")])
    client.wait_for_revision(keys[0], 1)
    logs = client.aws("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]:
            events = logs.get_log_events(logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"])[
                "events"
            ]
            assert not [event for event in events if PATIENT_NAME in event["message"]]
    for log in (client.system.state_dir / "logs").iterdir():
        assert PATIENT_NAME not in log.read_text(errors="replace")
