from random import Random

import pytest

from imaging.dicom.header import BytesSource, read_header
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.instance import Arrival, Door
from imaging.pipeline.store_drop import StoreDrop
from imaging.pipeline.store_instance import Outcome, Stored, StoreInstance
from imaging.settings import OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects
from tests.unit.dicom.files import instance_file, pydicom_file

SPACES = {"main": Space("main", "main-bucket", "MAIN", OtherBytes.REPLACE, "")}
STORED_KEY = "studies/1.2.1/series/1.2.2/instances/1.2.3.dcm"


@pytest.fixture
def objects() -> InMemoryObjects:
    return InMemoryObjects(SPACES)


@pytest.fixture
def drop(objects: InMemoryObjects) -> StoreDrop:
    return StoreDrop(
        objects, StoreInstance(objects, SPACES, Clock()), largest_in_memory_bytes=50_000, largest_bytes=1_000_000
    )


def test_stores_what_was_dropped_and_removes_it(drop: StoreDrop, objects: InMemoryObjects) -> None:
    objects.put("main", "incoming/a folder/Ünï+1.dcm", instance_file())
    outcome = drop("main", "incoming/a folder/Ünï+1.dcm")
    assert isinstance(outcome, Stored)
    assert objects.keys() == [STORED_KEY]
    (version,) = objects.versions(STORED_KEY)
    assert version.body == instance_file()
    arrival = Arrival.of_object_metadata(version.metadata)
    assert arrival
    assert arrival.door is Door.BULK_DROP


def test_sets_aside_what_cannot_be_stored(drop: StoreDrop, objects: InMemoryObjects) -> None:
    objects.put("main", "incoming/x/notes.txt", b"not DICOM")
    outcome = drop("main", "incoming/x/notes.txt")
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectReason.NOT_DICOM
    assert objects.keys() == ["quarantine/x/notes.txt"]
    (version,) = objects.versions("quarantine/x/notes.txt")
    assert (version.body, dict(version.metadata)) == (b"not DICOM", {"reason": str(outcome)})


def test_sets_a_dicomdir_aside(drop: StoreDrop, objects: InMemoryObjects) -> None:
    objects.put("main", "incoming/DICOMDIR", pydicom_file("dicomdirtests/DICOMDIR"))
    drop("main", "incoming/DICOMDIR")
    (version,) = objects.versions("quarantine/DICOMDIR")
    assert version.metadata["reason"] == "A DICOMDIR is no instance; send the files that it lists."


def test_sets_aside_what_is_larger_than_can_be_read(drop: StoreDrop, objects: InMemoryObjects) -> None:
    objects.put("main", "incoming/large.dcm", instance_file(pixel_data=bytes(1_000_000)))
    outcome = drop("main", "incoming/large.dcm")
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectReason.TOO_LARGE
    assert objects.keys() == ["quarantine/large.dcm"]


def test_leaves_the_marker_of_a_folder(drop: StoreDrop, objects: InMemoryObjects) -> None:
    objects.put("main", "incoming/folder/", b"")
    assert drop("main", "incoming/folder/") is None
    assert objects.keys() == ["incoming/folder/"]


def test_sets_an_empty_object_aside(drop: StoreDrop, objects: InMemoryObjects) -> None:
    objects.put("main", "incoming/empty.dcm", b"")
    drop("main", "incoming/empty.dcm")
    assert objects.keys() == ["quarantine/empty.dcm"]


def test_touches_nothing_else(drop: StoreDrop, objects: InMemoryObjects) -> None:
    objects.put("main", "elsewhere/incoming/a.dcm", instance_file())
    assert drop("main", "elsewhere/incoming/a.dcm") is None
    assert objects.keys() == ["elsewhere/incoming/a.dcm"]


def test_the_same_event_again_finds_nothing_to_do(drop: StoreDrop, objects: InMemoryObjects) -> None:
    version_id = objects.put("main", "incoming/a.dcm", instance_file())
    drop("main", "incoming/a.dcm", version_id)
    assert drop("main", "incoming/a.dcm", version_id) is None
    assert len(objects.versions(STORED_KEY)) == 1


def test_after_a_crash_before_the_removal_the_drop_is_found_identical(
    drop: StoreDrop, objects: InMemoryObjects
) -> None:
    objects.put("main", "incoming/a.dcm", instance_file())
    drop("main", "incoming/a.dcm")
    objects.put("main", "incoming/a.dcm", instance_file())
    outcome = drop("main", "incoming/a.dcm")
    assert isinstance(outcome, Stored)
    assert outcome.outcome is Outcome.IDENTICAL
    assert objects.keys() == [STORED_KEY]


def test_two_drops_under_one_key_are_both_dealt_with(drop: StoreDrop, objects: InMemoryObjects) -> None:
    first = objects.put("main", "incoming/a.dcm", instance_file(instance="1.2.31"))
    second = objects.put("main", "incoming/a.dcm", instance_file(instance="1.2.32"))
    for version_id in (first, second):
        drop("main", "incoming/a.dcm", version_id)
    assert objects.keys() == [STORED_KEY.replace("1.2.3.dcm", f"1.2.3{n}.dcm") for n in (1, 2)]


def test_a_store_that_does_not_answer_leaves_the_drop_where_it_is(drop: StoreDrop, objects: InMemoryObjects) -> None:
    objects.put("main", "incoming/a.dcm", instance_file())
    objects.available = False
    with pytest.raises(Unavailable):
        drop("main", "incoming/a.dcm")
    objects.available = True
    assert objects.keys() == ["incoming/a.dcm"]


@pytest.mark.parametrize("begins_with", ["preamble", "File Meta Information", "data set"])
def test_what_is_too_large_for_memory_is_copied_where_it_lies(
    drop: StoreDrop, objects: InMemoryObjects, monkeypatch: pytest.MonkeyPatch, begins_with: str
) -> None:
    monkeypatch.setattr("imaging.pipeline.read_ahead_source.BLOCK_BYTES", 7_000)
    whole = instance_file(pixel_data=Random(1).randbytes(200_000))
    data_set_offset = read_header(BytesSource(whole)).data_set_offset
    cut = {"preamble": 0, "File Meta Information": 132, "data set": data_set_offset}[begins_with]
    longest = 0

    class Ranged(InMemoryObjects):
        def read(self, *arguments: object, **ranges: object) -> object:
            nonlocal longest
            found = super().read(*arguments, **ranges)
            longest = max(longest, len(found[1]) if found else 0)
            return found

    objects.__class__ = Ranged
    objects.put("main", "incoming/large.dcm", whole[cut:])
    assert isinstance(drop("main", "incoming/large.dcm"), Stored)
    assert objects.keys() == [STORED_KEY]
    (version,) = objects.versions(STORED_KEY)
    assert version.body[read_header(BytesSource(version.body)).data_set_offset :] == whole[data_set_offset:]
    arrival = Arrival.of_object_metadata(version.metadata)
    small = InMemoryObjects(SPACES)
    StoreInstance(small, SPACES, Clock())("main", whole, door=Door.STOW_RS)
    assert arrival.is_identical_to(Arrival.of_object_metadata(small.versions(STORED_KEY)[0].metadata))
    assert longest <= 50_000

    objects.put("main", "incoming/again.dcm", whole[cut:])
    again = drop("main", "incoming/again.dcm")
    assert isinstance(again, Stored)
    assert again.outcome is Outcome.IDENTICAL


def test_what_is_large_and_no_instance_is_set_aside(drop: StoreDrop, objects: InMemoryObjects) -> None:
    cut_short = instance_file(pixel_data=bytes(200_000))[:-1]
    objects.put("main", "incoming/large.dcm", cut_short)
    outcome = drop("main", "incoming/large.dcm")
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectReason.TRUNCATED
    assert objects.keys() == ["quarantine/large.dcm"]


@pytest.mark.parametrize("name", ["x" * 1015, "ü" * 507 + "x", "a/" * 507 + "b"], ids=["ASCII", "UTF-8", "deep"])
def test_a_key_as_long_as_keys_can_be_is_cut_where_it_is_set_aside(
    drop: StoreDrop, objects: InMemoryObjects, name: str
) -> None:
    assert len(f"incoming/{name}".encode()) == 1024
    others = [f"{name[:-1]}{letter}" for letter in "yz"]
    for each in (name, *others):
        objects.put("main", f"incoming/{each}", b"not DICOM")
        drop("main", f"incoming/{each}")
    keys = objects.keys()
    assert len(keys) == 3
    assert all(key.startswith(f"quarantine/{name[:400]}") and len(key.encode()) <= 1024 for key in keys)


@pytest.mark.parametrize(
    ("said", "expected"), [({}, None), ({"expected-instances": "120"}, 120), ({"expected-instances": "-1"}, None)]
)
def test_a_number_of_expected_instances_is_passed_on(
    drop: StoreDrop, objects: InMemoryObjects, said: dict[str, str], expected: int | None
) -> None:
    for name, content in (("small", b"\1\2"), ("large", bytes(100_000))):
        objects.put("main", f"incoming/{name}", instance_file(instance="1.2.3", pixel_data=content), said)
        assert isinstance(drop("main", f"incoming/{name}"), Stored)
        arrival = Arrival.of_object_metadata(objects.versions(STORED_KEY)[-1].metadata)
        assert arrival.expected_instances == expected
