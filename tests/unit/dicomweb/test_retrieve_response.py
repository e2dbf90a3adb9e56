from dataclasses import replace
from datetime import UTC, datetime

import pytest

from imaging.dicomweb.media_types import Form, instance_forms
from imaging.dicomweb.message import MAX_BODY_BYTES, Response
from imaging.dicomweb.retrieve_response import retrieve_response
from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Arrival, Door, Instance
from imaging.model.links import Links
from imaging.reading.retrieve_instances import RetrieveInstances
from tests.fakes import InMemoryObjects

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
MULTIPART = 'multipart/related; type="application/dicom"'
BODIES = [b"\x00first\r\n--\r\n", b"second\r\n"]


class NoContents:
    """Nothing is looked up here."""


@pytest.fixture
def objects() -> InMemoryObjects:
    return InMemoryObjects()


@pytest.fixture
def instances(objects: InMemoryObjects) -> list[Instance]:
    stored = []
    for number, body in enumerate(BODIES):
        key = InstanceKey("main", "1", "1.2", f"1.2.{number}")
        arrival = Arrival("digest", EXPLICIT, Door.STOW_RS, datetime(2026, 1, 1, tzinfo=UTC))
        version_id = objects.put("main", key.object_key, body)
        stored.append(Instance(key, 1, Action.CREATE, version_id, len(body), arrival, "1.2.840.10008.5.1.4.1.1.2", {}))
    return stored


def respond(objects: InMemoryObjects, instances: list[Instance], forms: list[Form]) -> Response:
    retrieve = RetrieveInstances(NoContents(), objects, objects)
    return retrieve_response(retrieve, instances, forms, Links("https://imaging.example.org"))


def test_sends_many_parts_byte_for_byte(objects: InMemoryObjects, instances: list[Instance]) -> None:
    response = respond(objects, instances, instance_forms(MULTIPART, is_single_instance=False))
    assert response.headers["Content-Type"].startswith(f"{MULTIPART}; boundary=")
    boundary = response.headers["Content-Type"].rpartition("=")[2].encode()
    first, second = response.body.split(b"--" + boundary)[1:3]
    assert first.partition(b"\r\n\r\n")[2] == BODIES[0] + b"\r\n"
    assert second.partition(b"\r\n\r\n")[2] == BODIES[1] + b"\r\n"
    assert response.body.endswith(b"--" + boundary + b"--\r\n")
    address = "https://imaging.example.org/spaces/main/studies/1/series/1.2/instances/1.2.0"
    assert f"Content-Type: application/dicom; transfer-syntax={EXPLICIT}\r\n".encode() in first
    assert f"Content-Location: {address}\r\n".encode() in first


def test_sends_one_instance_alone(objects: InMemoryObjects, instances: list[Instance]) -> None:
    response = respond(objects, instances[:1], instance_forms("application/dicom", is_single_instance=True))
    assert response.body == BODIES[0]
    assert response.headers["Content-Type"] == f"application/dicom; transfer-syntax={EXPLICIT}"


def test_sends_the_version_that_was_indexed(objects: InMemoryObjects, instances: list[Instance]) -> None:
    objects.put("main", instances[0].key.object_key, b"newer, not indexed yet")
    response = respond(objects, instances[:1], instance_forms("application/dicom", is_single_instance=True))
    assert response.body == BODIES[0]


@pytest.mark.parametrize("accept", [f"{MULTIPART}; transfer-syntax={EXPLICIT}", f"{MULTIPART}; transfer-syntax=*"])
def test_a_transfer_syntax_that_is_stored_is_acceptable(
    objects: InMemoryObjects, instances: list[Instance], accept: str
) -> None:
    assert respond(objects, instances, instance_forms(accept, is_single_instance=False)).status == 200


def test_another_transfer_syntax_is_refused_with_the_stored_one(
    objects: InMemoryObjects, instances: list[Instance]
) -> None:
    forms = instance_forms(f"{MULTIPART}; transfer-syntax={JPEG_2000}", is_single_instance=False)
    with pytest.raises(Rejected) as refusal:
        respond(objects, instances, forms)
    assert refusal.value.reason is RejectReason.NOT_ACCEPTABLE
    assert EXPLICIT in str(refusal.value)


@pytest.mark.parametrize("accept", ["application/dicom", "*/*", f"{MULTIPART}, application/dicom;q=0.1"])
def test_redirects_for_a_large_instance_if_it_may_come_alone(
    objects: InMemoryObjects, instances: list[Instance], accept: str
) -> None:
    large = replace(instances[0], size_bytes=MAX_BODY_BYTES)
    response = respond(objects, [large], instance_forms(accept, is_single_instance=True))
    assert response.status == 307
    assert response.headers["Location"].startswith("https://objects.example/main/studies/1/series/1.2/instances/1.2.0")
    assert response.headers["Location"].endswith(f"version={large.version_id}")


@pytest.mark.parametrize("is_single_instance", [True, False])
def test_names_the_single_part_form_if_many_parts_are_too_large(
    objects: InMemoryObjects, instances: list[Instance], is_single_instance: bool
) -> None:
    large = [replace(instance, size_bytes=MAX_BODY_BYTES) for instance in instances]
    forms = instance_forms(MULTIPART, is_single_instance=is_single_instance)
    with pytest.raises(Rejected) as refusal:
        respond(objects, large[: 1 if is_single_instance else 2], forms)
    assert refusal.value.reason is RejectReason.TOO_LARGE
    assert "Accept: application/dicom" in str(refusal.value)
