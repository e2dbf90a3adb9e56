"""Bodies on both sides of what API Gateway and Lambda carry; which way each takes is the routing rule's choice."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from imaging.model.identifiers import InstanceKey
from tests.flow.client import BOUNDARY, eventually, new_study
from tests.instances import part10_instance

MULTIPART = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
NOISE = random.Random(1).randbytes(64 * 1024)


def body_of(parts: list[bytes]) -> bytes:
    whole = b"".join(
        b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n" % (BOUNDARY.encode(), part) for part in parts
    )
    return whole + b"--%b--\r\n" % BOUNDARY.encode()


def in_pieces(body: bytes) -> Iterator[bytes]:
    return (body[start : start + 100_000] for start in range(0, len(body), 100_000))


def instance_of_size(key: InstanceKey, pixel_bytes: int) -> bytes:
    pixels = (NOISE * (pixel_bytes // len(NOISE) + 1))[: pixel_bytes // 2 * 2]
    return part10_instance(key, PixelData=pixels, Rows=1, Columns=1, NumberOfFrames=pixel_bytes // 2)


@pytest.mark.parametrize("announced", [True, False], ids=["with Content-Length", "chunked"])
@pytest.mark.parametrize("megabytes", [4.4, 4.6, 10.1])
def test_a_body_of_any_size_goes_in_and_comes_out_as_it_was(client, megabytes, announced):
    (key,) = new_study()
    part10 = instance_of_size(key, int(megabytes * 1_000_000) - 2_000)
    body = body_of([part10])
    assert abs(len(body) - megabytes * 1_000_000) < 10_000
    content = body if announced else in_pieces(body)
    answer = client.http.post(f"{client.system.dicomweb()}/studies", headers=MULTIPART, content=content)
    assert (answer.status_code, len(answer.json()["00081199"]["Value"])) == (200, 1)
    assert eventually("the instance", lambda: client.instance_bytes(key)) == part10


def test_a_study_larger_than_a_function_answers_comes_out_in_one_body(client):
    keys = new_study(series=2, instances=4)
    parts = [instance_of_size(key, 1_000_000) for key in keys]
    assert client.http.post(
        f"{client.system.dicomweb()}/studies", headers=MULTIPART, content=in_pieces(body_of(parts))
    ).is_success
    client.wait_for_revision(keys[0], 1)
    answer = client.get(keys[0], "")
    assert int(answer.headers["content-length"]) == len(answer.content) > 8_000_000
    boundary = answer.headers["content-type"].rpartition("boundary=")[2].encode()
    received = [part.partition(b"\r\n\r\n")[2][:-2] for part in answer.content.split(b"--" + boundary)[1:-1]]
    assert sorted(received) == sorted(parts)


def test_a_part_of_a_large_instance_can_be_asked_for(client):
    (key,) = new_study()
    part10 = instance_of_size(key, 6_000_000)
    client.http.post(f"{client.system.dicomweb()}/studies", headers=MULTIPART, content=in_pieces(body_of([part10])))
    client.wait_for_revision(key, 1)
    address = (
        f"{client.system.dicomweb()}/studies/{key.study_instance_uid}/series/{key.series_instance_uid}"
        f"/instances/{key.sop_instance_uid}"
    )
    headers = {"Accept": "application/dicom; transfer-syntax=*", "Range": "bytes=5000000-5000099"}
    answer = client.http.get(address, headers=headers)
    assert (answer.status_code, answer.content) == (206, part10[5_000_000:5_000_100])
    head = client.http.head(address, headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert (int(head.headers["content-length"]), head.content) == (len(part10), b"")


def test_a_large_body_that_breaks_off_leaves_nothing_half_written(client):
    (key,) = new_study()
    body = body_of([instance_of_size(key, 40_000_000)])

    def breaking_off() -> Iterator[bytes]:
        yield from in_pieces(body[:30_000_000])
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        client.http.post(f"{client.system.dicomweb()}/studies", headers=MULTIPART, content=breaking_off())
    answer = client.http.post(
        f"{client.system.dicomweb()}/studies", headers=MULTIPART, content=in_pieces(body[:30_000_000])
    )
    assert answer.status_code == 400
    s3 = client.aws("s3")
    prefix = f"studies/{key.study_instance_uid}/"
    assert "Contents" not in s3.list_objects_v2(Bucket=client.bucket("main"), Prefix=prefix)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=client.bucket("main"), Prefix=prefix)


def test_senders_of_one_large_instance_at_once_are_all_answered_and_leave_no_upload_behind(client):
    (key,) = new_study()
    pixels = [bytes([number]) * 24_000_000 for number in range(3)]
    bodies = [body_of([part10_instance(key, PixelData=each, Rows=1, Columns=1)]) for each in pixels]
    together = threading.Barrier(len(bodies))

    def all_but_the_end_first(body: bytes) -> Iterator[bytes]:
        yield from in_pieces(body[:-10])
        together.wait(60)
        yield body[-10:]

    def send(body: bytes) -> int:
        address = f"{client.system.dicomweb()}/studies"
        return httpx.post(address, headers=MULTIPART, content=all_but_the_end_first(body), timeout=120).status_code

    with ThreadPoolExecutor(len(bodies)) as pool:
        assert list(pool.map(send, bodies)) == [200] * len(bodies)
    client.wait_for_revision(key, 1)
    assert client.instance_bytes(key)[-24_000_000:] in pixels
    uploads = client.aws("s3").list_multipart_uploads(Bucket=client.bucket("main"))
    assert [upload for upload in uploads.get("Uploads", []) if upload["Key"] == key.object_key] == []


def test_hundreds_of_megabytes_pass_in_constant_memory(client, tmp_path):
    (key,) = new_study()
    megabytes = 350  # more than the process may have
    before = peak_resident_bytes(client)
    stored = send_large(client, key, megabytes)
    assert stored.status_code == 200
    client.wait_for_revision(key, 1)
    received = retrieve_to(client, key, tmp_path / "received.dcm")
    assert received > megabytes * 1_000_000
    assert peak_resident_bytes(client) < max(300_000_000, before)


def send_large(client, key: InstanceKey, megabytes: int) -> httpx.Response:
    """Send an instance of that size without ever holding it."""
    small = part10_instance(key, PixelData=NOISE, Rows=1, Columns=1, NumberOfFrames=1)
    size = len(NOISE) * (megabytes * 1_000_000 // len(NOISE) + 1)
    head = small[: -len(NOISE) - 4] + size.to_bytes(4, "little")

    def body() -> Iterator[bytes]:
        yield b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b" % (BOUNDARY.encode(), head)
        for _ in range(size // len(NOISE)):
            yield NOISE
        yield b"\r\n--%b--\r\n" % BOUNDARY.encode()

    return client.http.post(f"{client.system.dicomweb()}/studies", headers=MULTIPART, content=body(), timeout=600)


def retrieve_to(client, key: InstanceKey, file: Path) -> int:
    """Retrieve an instance into a file; its size."""
    address = (
        f"{client.system.dicomweb()}/studies/{key.study_instance_uid}/series/{key.series_instance_uid}"
        f"/instances/{key.sop_instance_uid}"
    )
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    with file.open("wb") as received, client.http.stream("GET", address, headers=accept, timeout=600) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            received.write(piece)
    return file.stat().st_size


def peak_resident_bytes(client) -> int:
    """The most memory that the gateway's process ever had."""
    (status,) = [process / "status" for process in Path("/proc").glob("[0-9]*") if is_gateway_of(client, process)]
    (peak,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(peak) * 1024


def is_gateway_of(client, process: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes().split(b"\0")
        environment = (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False
    front = f"PUBLIC_BASE_ADDRESS={client.system.front}".encode()
    return command[-2:-1] == [b"functions.gateway"] and front in environment
