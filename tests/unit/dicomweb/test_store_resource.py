import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from imaging.dicomweb.store_resource import StoreAnswer, StoreResource
from imaging.model.instance import Arrival
from imaging.model.links import Links
from imaging.pipeline.store_instance import StoreInstance
from imaging.settings import OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects
from tests.unit.dicom.files import SOP_CLASS_UID, element, identifiers, instance_file, item, part10, sequence

SPACES = {
    "main": Space("main", "main-bucket", "MAIN", OtherBytes.REPLACE, ""),
    "keeping": Space("keeping", "keeping-bucket", "KEEPING", OtherBytes.REFUSE, ""),
}
ROOT = "https://imaging.example.org/spaces/main"
MULTIPART = 'multipart/related; type="application/dicom"; boundary=B'


@pytest.fixture
def objects() -> InMemoryObjects:
    return InMemoryObjects(SPACES)


@pytest.fixture
def resource(objects: InMemoryObjects) -> StoreResource:
    return StoreResource(StoreInstance(objects, SPACES, Clock()), SPACES, Links("https://imaging.example.org"))


def body(*contents: bytes, content_type: str = "application/dicom") -> bytes:
    header = f"Content-Type: {content_type}\r\n" if content_type else ""
    return b"".join(f"--B\r\n{header}\r\n".encode() + content + b"\r\n" for content in contents) + b"--B--\r\n"


def send(
    resource: StoreResource, content_type: str, content: bytes, *, path: str = "/spaces/main/studies", **headers: str
) -> StoreAnswer:
    """POST a body that comes in in two pieces."""
    middle = len(content) // 2
    return resource(path, {"content-type": content_type, **headers}, [content[:middle], content[middle:]])


def post(resource: StoreResource, *contents: bytes, path: str = "/spaces/main/studies") -> StoreAnswer:
    return send(resource, MULTIPART, body(*contents), path=path)


def module(answer: StoreAnswer) -> dict[str, Any]:
    assert answer.response.headers["Content-Type"] == "application/dicom+json"
    decoded: dict[str, Any] = json.loads(answer.response.body)
    assert list(decoded) == sorted(decoded)
    return decoded


def error(answer: StoreAnswer) -> str:
    assert answer.response.headers["Content-Type"] == "application/json"
    decoded = json.loads(answer.response.body)
    assert list(decoded) == ["error"]
    return str(decoded["error"])


def values(items: dict[str, Any], tag: str) -> list[Any]:
    return [item[tag]["Value"][0] for item in items["Value"]]


def test_tells_where_each_instance_can_be_retrieved(resource: StoreResource) -> None:
    answer = post(resource, instance_file(instance="1.2.31"), instance_file(instance="1.2.32"))
    assert answer.response.status == 200
    told = module(answer)
    assert told["00081190"] == {"vr": "UR", "Value": [f"{ROOT}/studies/1.2.1"]}
    assert set(told) == {"00081190", "00081199"}
    assert values(told["00081199"], "00081155") == ["1.2.31", "1.2.32"]
    assert values(told["00081199"], "00081150") == [SOP_CLASS_UID] * 2
    assert values(told["00081199"], "00081190")[0] == f"{ROOT}/studies/1.2.1/series/1.2.2/instances/1.2.31"


def test_names_no_study_where_there_are_several(resource: StoreResource) -> None:
    answer = post(resource, instance_file(study="1.2.11", instance="1.2.31"), instance_file(instance="1.2.32"))
    assert module(answer)["00081190"] == {"vr": "UR"}


def test_says_202_where_some_failed_and_names_them(resource: StoreResource) -> None:
    answer = post(resource, instance_file()[:-1], instance_file(instance="1.2.31"), b"not DICOM")
    assert answer.response.status == 202
    told = module(answer)
    assert values(told["00081199"], "00081155") == ["1.2.31"]
    (failed,) = told["00081198"]["Value"]
    assert failed["00081155"]["Value"] == ["1.2.3"]
    assert failed["00081150"]["Value"] == [SOP_CLASS_UID]
    assert failed["00081197"] == {"vr": "US", "Value": [0xC001]}
    assert failed["00091001"]["Value"] == ["The file ends in the middle of its data set; send it again."]
    (nameless,) = told["0008119A"]["Value"]
    assert nameless["00081197"] == {"vr": "US", "Value": [0xC000]}
    assert "00081155" not in nameless


def test_says_409_where_none_was_stored(resource: StoreResource, objects: InMemoryObjects) -> None:
    answer = post(resource, instance_file(), path="/spaces/main/studies/1.2.99")
    assert answer.response.status == 409
    assert module(answer)["00081198"]["Value"][0]["00081197"]["Value"] == [0xC004]
    assert "00081199" not in module(answer)
    assert objects.keys() == []


def test_stores_into_the_study_of_the_path(resource: StoreResource) -> None:
    assert post(resource, instance_file(), path="/spaces/main/studies/1.2.1").response.status == 200


def test_an_identical_instance_is_a_success_again(resource: StoreResource, objects: InMemoryObjects) -> None:
    answers = [post(resource, instance_file(), instance_file()), post(resource, instance_file())]
    assert [answer.response.status for answer in answers] == [200, 200]
    assert len(objects.versions(objects.keys()[0])) == 1


def test_of_one_instance_the_last_in_the_request_stays_current(
    resource: StoreResource, objects: InMemoryObjects
) -> None:
    contents = [instance_file(pixel_data=b"%04d" % number) for number in range(20)]
    answer = post(resource, *contents)
    assert answer.response.status == 200
    assert [version.body for version in objects.versions(objects.keys()[0])] == contents


def test_other_bytes_in_one_request_are_refused_where_the_space_says_so(resource: StoreResource) -> None:
    contents = [instance_file(pixel_data=b"0001"), instance_file(pixel_data=b"0002")]
    answer = post(resource, *contents, path="/spaces/keeping/studies")
    assert answer.response.status == 202
    assert module(answer)["00081198"]["Value"][0]["00081197"]["Value"] == [0x0111]


def test_stores_many_side_by_side_and_answers_in_order(resource: StoreResource, objects: InMemoryObjects) -> None:
    uids = [f"1.2.3.{number}" for number in range(60)]
    told = module(post(resource, *(instance_file(instance=uid) for uid in uids)))
    assert values(told["00081199"], "00081155") == uids
    assert len(objects.keys()) == 60


def test_takes_a_single_instance_without_parts(resource: StoreResource) -> None:
    assert send(resource, "application/dicom", instance_file()).response.status == 200


def test_a_part_without_a_type_is_what_the_request_is(resource: StoreResource) -> None:
    content = body(instance_file(), content_type="")
    assert send(resource, MULTIPART, content).response.status == 200


def test_a_part_of_another_type_fails_alone(resource: StoreResource) -> None:
    mixed = body(instance_file())[: -len(b"--B--\r\n")] + body(b"{}", content_type="application/dicom+json")
    answer = send(resource, MULTIPART, mixed)
    assert answer.response.status == 202
    assert module(answer)["0008119A"]["Value"][0]["00081197"]["Value"] == [0xC005]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("application/json", 415),
        ("multipart/form-data; boundary=B", 415),
        ('multipart/related; type="application/json"; boundary=B', 415),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary=C', 400),
        ("multipart/related; boundary=B", 200),
        ("multipart/related; type=application/dicom; boundary=B", 200),
    ],
)
def test_looks_at_the_content_type(resource: StoreResource, content_type: str, status: int) -> None:
    answer = send(resource, content_type, body(instance_file()))
    assert answer.response.status == status
    assert status == 200 or error(answer)


@pytest.mark.parametrize(
    ("content_type", "content"), [(MULTIPART, b"--B--\r\n"), (MULTIPART, b""), ("application/dicom", b"")]
)
def test_refuses_a_request_without_an_instance(resource: StoreResource, content_type: str, content: bytes) -> None:
    answer = send(resource, content_type, content)
    assert answer.response.status == 400
    assert error(answer)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/spaces/elsewhere/studies", 404),
        ("/spaces/main", 404),
        ("/spaces/main/series", 404),
        ("/spaces/main/studies/1.2.1/series", 404),
        ("/spaces/main/studies/..", 400),
        ("/spaces/main/studies/" + "1" * 200, 400),
        ("", 404),
    ],
)
def test_refuses_a_path_where_nothing_is_stored(resource: StoreResource, path: str, status: int) -> None:
    answer = post(resource, instance_file(), path=path)
    assert answer.response.status == status
    assert error(answer)


def test_a_body_that_breaks_off_is_one_more_failure_after_what_was_whole(
    resource: StoreResource, objects: InMemoryObjects
) -> None:
    whole = body(instance_file(instance="1.2.31"), instance_file(instance="1.2.32"))
    answer = send(resource, MULTIPART, whole[: -len(instance_file())])
    assert answer.response.status == 202
    told = module(answer)
    assert values(told["00081199"], "00081155") == ["1.2.31"]
    assert told["0008119A"]["Value"][0]["00091001"]["Value"][0].startswith("The multipart body cannot be read")
    assert len(objects.keys()) == 1


def test_a_body_that_breaks_off_before_anything_was_whole_is_refused(resource: StoreResource) -> None:
    assert send(resource, MULTIPART, body(instance_file())[:-20]).response.status == 400


def test_instances_that_come_too_late_are_to_be_sent_again_and_the_others_are_answered_for(
    objects: InMemoryObjects,
) -> None:
    store = StoreInstance(objects, SPACES, Clock())
    in_no_time = StoreResource(store, SPACES, Links("https://imaging.example.org"), time_limit=timedelta(seconds=-1))
    answer = post(in_no_time, instance_file())
    assert answer.response.status == 409
    (failed,) = module(answer)["00081198"]["Value"]
    assert (failed["00081155"]["Value"], failed["00081197"]["Value"]) == (["1.2.3"], [0xA700])
    assert objects.keys() == []


@pytest.mark.parametrize("content_type", ["application/dicom", MULTIPART])
def test_a_sender_that_leaves_leaves_no_file_open(resource: StoreResource, content_type: str) -> None:
    def leaving() -> Iterator[bytes]:
        yield b"--B\r\n\r\n" + bytes(3_000_000)
        raise ConnectionResetError

    before = open_files()
    with pytest.raises(ConnectionResetError) as left:
        resource("/spaces/main/studies", {"content-type": content_type}, leaving())
    assert open_files() == before, left  # while the failure holds on to every frame


def open_files() -> set[str]:
    return {os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.lexists(entry.path)}


def test_a_type_quoted_with_a_transfer_syntax_is_understood(resource: StoreResource) -> None:
    content_type = 'multipart/related; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"; boundary=B'
    assert send(resource, content_type, body(instance_file())).response.status == 200


def test_a_part_called_octet_stream_is_looked_into(resource: StoreResource) -> None:
    content = body(instance_file(), content_type="application/octet-stream")
    assert send(resource, MULTIPART, content).response.status == 200


def test_an_instance_among_metadata_fails_and_is_told(resource: StoreResource) -> None:
    answer = send(resource, 'multipart/related; type="application/dicom+json"; boundary=B', body(instance_file()))
    assert answer.response.status == 409
    assert module(answer)["0008119A"]["Value"][0]["00081197"]["Value"] == [0xC005]


def test_refuses_a_compressed_body(resource: StoreResource) -> None:
    answer = send(resource, MULTIPART, body(instance_file()), **{"content-encoding": "gzip"})
    assert (answer.response.status, "Content-Encoding" in error(answer)) == (415, True)


def test_warns_of_values_that_break_their_vr(resource: StoreResource, objects: InMemoryObjects) -> None:
    first, then = identifiers()
    in_sequence = sequence(0x00400275, item(element(0x00400002, "DA", "noon")))
    careless = part10(first + element(0x00100030, "DA", "19xx0101") + then + in_sequence)
    answer = post(resource, careless)
    assert answer.response.status == 202
    (stored,) = module(answer)["00081199"]["Value"]
    assert stored["00081196"] == {"vr": "US", "Value": [0xB007]}
    assert stored["00741048"]["Value"] == [
        {"00720026": {"vr": "AT", "Value": ["00100030"]}},
        {
            "00720026": {"vr": "AT", "Value": ["00400002"]},
            "00720052": {"vr": "AT", "Value": ["00400275"]},
            "00741057": {"vr": "IS", "Value": [1]},
        },
    ]
    assert objects.versions(objects.keys()[0])[0].body == careless
    assert b"19xx" not in answer.response.body


def test_holds_no_more_than_a_few_instances_of_a_large_request(
    resource: StoreResource, objects: InMemoryObjects
) -> None:
    brought, seen = 0, []

    def pieces() -> Iterator[bytes]:
        nonlocal brought
        for number in range(200):
            yield b"--B\r\n\r\n" + instance_file(instance=f"1.2.3.{number}") + b"\r\n"
            brought += 1
        yield b"--B--"

    objects.before_put = lambda object_key: seen.append(brought - len(objects.keys()))
    assert resource("/spaces/main/studies", {"content-type": MULTIPART}, pieces()).response.status == 200
    assert len(objects.keys()) == 200
    assert max(seen) <= 20


def test_asks_for_the_whole_request_again_when_the_store_fails(
    resource: StoreResource, objects: InMemoryObjects
) -> None:
    puts: list[str] = []

    def fail_at_the_third(object_key: str) -> None:
        puts.append(object_key)
        objects.available = len(puts) < 3

    objects.before_put = fail_at_the_third
    contents = [instance_file(instance=f"1.2.3.{number}") for number in range(5)]
    answer = post(resource, *contents)
    assert answer.response.status == 503
    assert answer.response.headers["Retry-After"]
    assert error(answer)

    objects.available, objects.before_put = True, lambda object_key: None
    assert post(resource, *contents).response.status == 200
    stored = objects.keys()
    assert [len(objects.versions(object_key)) for object_key in stored] == [1] * 5


def test_how_many_instances_the_study_shall_have_travels_with_each_of_them(
    resource: StoreResource, objects: InMemoryObjects
) -> None:
    answer = send(resource, MULTIPART, body(instance_file()), **{"expected-instances": "120"})
    assert answer.response.status == 200
    (key,) = objects.keys()
    arrival = Arrival.of_object_metadata(objects.versions(key)[-1].metadata)
    assert arrival is not None
    assert arrival.expected_instances == 120


@pytest.mark.parametrize("number", ["0", "-1", "many", "1e3", "9999999999"])
def test_a_number_of_instances_that_is_none_is_refused(
    resource: StoreResource, objects: InMemoryObjects, number: str
) -> None:
    answer = send(resource, MULTIPART, body(instance_file()), **{"expected-instances": number})
    assert answer.response.status == 400
    assert "Expected-Instances" in error(answer)
    assert objects.keys() == []
