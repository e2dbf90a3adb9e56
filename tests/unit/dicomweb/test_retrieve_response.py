from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.media_types import DICOM, ZIP, Offer, acceptable
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response
from imaging.dicomweb.retrieve_response import RetrieveResponse
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Arrival, Door, Instance
from imaging.model.links import Links
from imaging.reading.encode_instances import EncodeInstances
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.transcode_instance import TranscodeInstance
from tests.archive import pixel_worker
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
    return put(objects, BODIES)


def put(objects: InMemoryObjects, bodies: list[bytes]) -> list[Instance]:
    stored = []
    for number, body in enumerate(bodies):
        key = InstanceKey("main", "1", "1.2", f"1.2.{number}")
        arrival = Arrival("digest", EXPLICIT, Door.STOW_RS, datetime(2026, 1, 1, tzinfo=UTC))
        version_id = objects.put("main", key.object_key, body)
        stored.append(Instance(key, 1, Action.CREATE, version_id, len(body), arrival, "1.2.840.10008.5.1.4.1.1.2", {}))
    return stored


def respond(
    objects: InMemoryObjects,
    instances: list[Instance],
    accept: str,
    *,
    is_single_instance: bool = False,
    max_body_bytes: int | None = MAX_BODY_BYTES,
    method: str = "GET",
    **headers: str,
) -> Response:
    retrieve = RetrieveInstances(NoContents(), objects, objects)
    request = Request("/", headers={name.replace("_", "-"): value for name, value in headers.items()}, method=method)
    offers = [Offer(DICOM, is_multipart=True), Offer(ZIP), *([Offer(DICOM)] if is_single_instance else [])]
    forms = acceptable(accept, offers)
    headers, pixels = InstanceHeaders(objects), InstancePixels(objects)
    encode = EncodeInstances(retrieve, TranscodeInstance(objects, headers, pixels, pixel_worker()))
    links = Links("https://imaging.example.org")
    return RetrieveResponse(retrieve, encode, links, max_body_bytes)(request, instances, forms)


def alone(objects: InMemoryObjects, instance: Instance, **options: Any) -> Response:
    return respond(objects, [instance], "application/dicom", is_single_instance=True, **options)


def streamed(response: Response) -> bytes:
    assert response.stream is not None
    assert response.body == b""
    with closing(response.stream):
        body = b"".join(response.stream)
    assert response.headers["Content-Length"] == str(len(body))
    return body


def test_sends_many_parts_byte_for_byte(objects: InMemoryObjects, instances: list[Instance]) -> None:
    response = respond(objects, instances, MULTIPART)
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
    response = alone(objects, instances[0])
    assert response.body == BODIES[0]
    assert response.headers["Content-Type"] == f"application/dicom; transfer-syntax={EXPLICIT}"


def test_sends_the_version_that_was_indexed(objects: InMemoryObjects, instances: list[Instance]) -> None:
    objects.put("main", instances[0].key.object_key, b"newer, not indexed yet")
    response = alone(objects, instances[0])
    assert response.body == BODIES[0]


@pytest.mark.parametrize("accept", [f"{MULTIPART}; transfer-syntax={EXPLICIT}", f"{MULTIPART}; transfer-syntax=*"])
def test_a_transfer_syntax_that_is_stored_is_acceptable(
    objects: InMemoryObjects, instances: list[Instance], accept: str
) -> None:
    assert respond(objects, instances, accept).status == 200


def test_another_transfer_syntax_is_refused_with_the_stored_one(
    objects: InMemoryObjects, instances: list[Instance]
) -> None:
    with pytest.raises(Rejected) as refusal:
        respond(objects, instances, f"{MULTIPART}; transfer-syntax={JPEG_2000}")
    assert refusal.value.reason is RejectReason.NOT_ACCEPTABLE
    assert EXPLICIT in str(refusal.value)


@pytest.mark.parametrize("accept", ["application/dicom", "*/*", f"{MULTIPART}, application/dicom;q=0.1"])
def test_redirects_for_a_large_instance_if_it_may_come_alone(
    objects: InMemoryObjects, instances: list[Instance], accept: str
) -> None:
    large = replace(instances[0], size_bytes=MAX_BODY_BYTES + 1)
    response = respond(objects, [large], accept, is_single_instance=True)
    assert response.status == 307
    assert response.headers["Location"].startswith("https://objects.example/main/studies/1/series/1.2/instances/1.2.0")
    assert response.headers["Location"].endswith(f"version={large.version_id}")


@pytest.mark.parametrize("is_single_instance", [True, False])
def test_names_the_single_part_form_if_many_parts_are_too_large(
    objects: InMemoryObjects, instances: list[Instance], is_single_instance: bool
) -> None:
    large = [replace(instance, size_bytes=MAX_BODY_BYTES) for instance in instances]
    with pytest.raises(Rejected) as refusal:
        respond(objects, large[: 1 if is_single_instance else 2], MULTIPART, is_single_instance=is_single_instance)
    assert refusal.value.reason is RejectReason.TOO_LARGE
    assert "Accept: application/dicom" in str(refusal.value)


def test_an_instance_of_the_greatest_size_goes_in_one_piece(objects: InMemoryObjects) -> None:
    (instance,) = put(objects, [bytes(MAX_BODY_BYTES)])
    response = respond(objects, [instance], "*/*", is_single_instance=True)
    assert (response.status, response.headers["Content-Type"]) == (
        200,
        f"application/dicom; transfer-syntax={EXPLICIT}",
    )
    assert len(response.body) == MAX_BODY_BYTES


class TestWithoutALimit:
    @given(bodies=st.lists(st.binary(min_size=1, max_size=99), min_size=1, max_size=9))
    def test_streams_what_it_would_send_in_one_piece(self, bodies: list[bytes]) -> None:
        objects = InMemoryObjects()
        instances = put(objects, bodies)
        whole = respond(objects, instances, MULTIPART)
        stream = respond(objects, instances, MULTIPART, max_body_bytes=None)
        boundaries = [one.headers["Content-Type"].rpartition("=")[2].encode() for one in (whole, stream)]
        assert streamed(stream).replace(boundaries[1], boundaries[0]) == whole.body
        single = alone(objects, instances[0], max_body_bytes=None)
        assert streamed(single) == alone(objects, instances[0]).body == bodies[0]

    def test_nothing_is_redirected_or_refused_for_its_size(self, objects: InMemoryObjects) -> None:
        bodies = [bytes(MAX_BODY_BYTES + 1), b"\x01" * (9 * 1024 * 1024)]
        instances = put(objects, bodies)
        for instance, body in zip(instances, bodies, strict=True):
            assert streamed(alone(objects, instance, max_body_bytes=None)) == body
        multipart = streamed(respond(objects, instances, MULTIPART, max_body_bytes=None))
        assert all(body in multipart for body in bodies)

    @pytest.mark.parametrize("accept", [MULTIPART, "application/dicom"])
    def test_head_has_the_length_and_reads_nothing(
        self, objects: InMemoryObjects, instances: list[Instance], accept: str
    ) -> None:
        options: dict[str, Any] = {"is_single_instance": True, "max_body_bytes": None}
        body = streamed(respond(objects, instances[:1], accept, **options))
        objects.available = False
        response = respond(objects, instances[:1], accept, method="HEAD", **options)
        assert (response.status, response.body, response.stream) == (200, b"", None)
        assert response.headers["Content-Length"] == str(len(body))

    def test_a_store_that_does_not_answer_is_no_success(
        self, objects: InMemoryObjects, instances: list[Instance]
    ) -> None:
        objects.available = False
        with pytest.raises(Unavailable):
            respond(objects, instances, MULTIPART, max_body_bytes=None)

    def test_what_cannot_be_read_later_cuts_the_body(self, objects: InMemoryObjects) -> None:
        instances = put(objects, [bytes(300_000)] * 3)
        objects.remove_version("main", instances[2].key.object_key, instances[2].version_id)
        response = respond(objects, instances, MULTIPART, max_body_bytes=None)
        assert response.stream is not None
        taken = [next(response.stream) for _ in range(4)]  # a head and its instance, twice
        with pytest.raises(Unavailable):
            next(response.stream)
        assert 600_000 < sum(map(len, taken)) < int(response.headers["Content-Length"])


class TestAPartOfAnInstance:
    @pytest.mark.parametrize("max_body_bytes", [None, MAX_BODY_BYTES])
    def test_is_sent_with_its_place(
        self, objects: InMemoryObjects, instances: list[Instance], max_body_bytes: int | None
    ) -> None:
        response = alone(objects, instances[0], max_body_bytes=max_body_bytes, range="bytes=2-5")
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes 2-5/{len(BODIES[0])}"
        assert (streamed(response) if max_body_bytes is None else response.body) == BODIES[0][2:6]

    def test_that_is_small_comes_also_of_a_large_instance(self, objects: InMemoryObjects) -> None:
        (instance,) = put(objects, [bytes(MAX_BODY_BYTES) + b"end"])
        assert alone(objects, instance, range="bytes=-3").body == b"end"
        assert alone(objects, instance, range="bytes=0-").status == 307  # the bucket knows ranges as well

    def test_a_download_that_broke_off_goes_on(self, objects: InMemoryObjects, instances: list[Instance]) -> None:
        whole = alone(objects, instances[0])
        assert whole.headers["Accept-Ranges"] == "bytes"
        rest = alone(objects, instances[0], range="bytes=4-", if_range=whole.headers["ETag"])
        assert whole.body[:4] + rest.body == BODIES[0]

    def test_of_another_version_is_the_whole_of_the_new_one(
        self, objects: InMemoryObjects, instances: list[Instance]
    ) -> None:
        (replaced,) = put(objects, [b"other bytes"])
        tag = alone(objects, instances[0]).headers["ETag"]
        response = alone(objects, replaced, range="bytes=4-", if_range=tag)
        assert (response.status, response.body) == (200, b"other bytes")
        assert response.headers["ETag"] != tag

    def test_beyond_the_end_is_refused_with_the_length(
        self, objects: InMemoryObjects, instances: list[Instance]
    ) -> None:
        response = alone(objects, instances[0], range="bytes=5000-")
        assert response.status == 416
        assert response.headers["Content-Range"] == f"bytes */{len(BODIES[0])}"

    def test_many_parts_have_no_ranges(self, objects: InMemoryObjects, instances: list[Instance]) -> None:
        assert respond(objects, instances, MULTIPART, range="bytes=2-5").status == 200

    def test_what_the_client_has_is_not_sent_again(self, objects: InMemoryObjects, instances: list[Instance]) -> None:
        tag = alone(objects, instances[0]).headers["ETag"]
        objects.available = False
        response = alone(objects, instances[0], if_none_match=tag)
        assert (response.status, response.body) == (304, b"")
