import hashlib

import pytest

from imaging.dicom.part10 import file_meta_information
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Arrival, Door
from imaging.pipeline.store_instance import Outcome, Stored, StoreInstance
from imaging.settings import OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects
from tests.unit.dicom.files import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    SOP_CLASS_UID,
    element,
    identifiers,
    instance_file,
    part10,
)

KEY = InstanceKey("main", "1.2.1", "1.2.2", "1.2.3")
SPACES = {
    "main": Space("main", "main-bucket", "MAIN", OtherBytes.REPLACE, ""),
    "keeping": Space("keeping", "keeping-bucket", "KEEPING", OtherBytes.REFUSE, ""),
}


@pytest.fixture
def objects() -> InMemoryObjects:
    return InMemoryObjects(SPACES)


@pytest.fixture
def store(objects: InMemoryObjects) -> StoreInstance:
    return StoreInstance(objects, SPACES, Clock())


def stow(store: StoreInstance, content: bytes, space: str = "main") -> Stored:
    return store(space, content, door=Door.STOW_RS)


def refusal(store: StoreInstance, content: bytes, space: str = "main", study: str | None = None) -> Rejected:
    with pytest.raises(Rejected) as refused:
        store(space, content, door=Door.STOW_RS, study_instance_uid=study)
    return refused.value


def test_puts_the_bytes_as_they_came(store: StoreInstance, objects: InMemoryObjects) -> None:
    content = b"II*\0 a preamble of its own".ljust(128, b"\0") + instance_file()[128:]
    assert stow(store, content) == Stored(KEY, SOP_CLASS_UID, Outcome.CREATED)
    (version,) = objects.versions(KEY.object_key)
    assert (version.body, version.content_type) == (content, "application/dicom")


def test_tells_the_object_what_only_the_door_knows(store: StoreInstance, objects: InMemoryObjects) -> None:
    content = instance_file()
    store("main", content, door=Door.C_STORE, calling_ae_title="CT 1")
    arrival = Arrival.of_object_metadata(objects.versions(KEY.object_key)[0].metadata)
    data_set = content[content.index(b"\x08\x00\x16\x00UI") :]
    assert arrival == Arrival(
        data_set_digest=hashlib.sha256(data_set).hexdigest(),
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
        door=Door.C_STORE,
        stored_at=arrival.stored_at if arrival else None,  # type: ignore[arg-type]
        calling_ae_title="CT 1",
    )


def test_the_same_data_set_through_another_door_changes_nothing(store: StoreInstance, objects: InMemoryObjects) -> None:
    stow(store, instance_file())
    other_meta = bytes(128) + b"DICM" + element(0x00020010, "UI", EXPLICIT_VR_LITTLE_ENDIAN)
    data_set = instance_file()[len(file_meta_information(SOP_CLASS_UID, "1.2.3", EXPLICIT_VR_LITTLE_ENDIAN)) :]
    again = store("main", other_meta + data_set, door=Door.C_STORE, calling_ae_title="CT1")
    assert again.outcome is Outcome.IDENTICAL
    assert len(objects.versions(KEY.object_key)) == 1


def test_the_same_bytes_in_another_transfer_syntax_are_another_instance(store: StoreInstance) -> None:
    first, then = identifiers()
    stow(store, part10(first + then))
    assert stow(store, part10(first + then, "1.2.840.10008.1.2.1.98")).outcome is Outcome.REPLACED


def test_other_bytes_become_the_current_version(store: StoreInstance, objects: InMemoryObjects) -> None:
    earlier, later = instance_file(), instance_file(pixel_data=b"5678")
    stow(store, earlier)
    assert stow(store, later).outcome is Outcome.REPLACED
    assert [version.body for version in objects.versions(KEY.object_key)] == [earlier, later]


def test_other_bytes_are_refused_where_the_space_says_so(store: StoreInstance, objects: InMemoryObjects) -> None:
    stow(store, instance_file(), "keeping")
    assert stow(store, instance_file(), "keeping").outcome is Outcome.IDENTICAL
    refused = refusal(store, instance_file(pixel_data=b"5678"), "keeping")
    assert refused.reason is RejectReason.OTHER_BYTES_STORED
    assert (refused.sop_class_uid, refused.sop_instance_uid) == (SOP_CLASS_UID, "1.2.3")
    assert len(objects.versions(KEY.object_key, "keeping")) == 1


def test_the_same_instance_lives_in_two_spaces(store: StoreInstance, objects: InMemoryObjects) -> None:
    assert stow(store, instance_file()).outcome is stow(store, instance_file(), "keeping").outcome is Outcome.CREATED


def test_a_deleted_instance_is_created_again(store: StoreInstance, objects: InMemoryObjects) -> None:
    stow(store, instance_file())
    objects.delete("main", KEY.object_key)
    assert stow(store, instance_file()).outcome is Outcome.CREATED


@pytest.mark.parametrize(
    ("by_hand", "outcome"),
    [
        (bytes(128) + b"DICM" + element(0x00020010, "UI", EXPLICIT_VR_LITTLE_ENDIAN), Outcome.IDENTICAL),
        (file_meta_information(SOP_CLASS_UID, "1.2.3", "1.2.840.10008.1.2.1.98"), Outcome.REPLACED),
    ],
)
def test_compares_with_an_object_put_by_hand(
    store: StoreInstance, objects: InMemoryObjects, by_hand: bytes, outcome: Outcome
) -> None:
    first, then = identifiers()
    objects.put("main", KEY.object_key, by_hand + first + then)
    assert stow(store, part10(first + then)).outcome is outcome


@pytest.mark.parametrize("by_hand", [b"not DICOM", instance_file(pixel_data=b"1235"), instance_file(pixel_data=b"12")])
def test_replaces_other_bytes_put_by_hand(store: StoreInstance, objects: InMemoryObjects, by_hand: bytes) -> None:
    objects.put("main", KEY.object_key, by_hand)
    assert stow(store, instance_file()).outcome is Outcome.REPLACED


def test_looks_again_when_another_sender_came_in_between(store: StoreInstance, objects: InMemoryObjects) -> None:
    stow(store, instance_file())
    rivals = [instance_file(pixel_data=b"rival 1 "), instance_file(pixel_data=b"rival 2 ")]

    def come_in_between(object_key: str) -> None:
        if rivals and objects.head("main", object_key):
            objects.put("main", object_key, rivals.pop())

    objects.before_put = come_in_between
    assert stow(store, instance_file(pixel_data=b"5678")).outcome is Outcome.REPLACED
    bodies = [version.body for version in objects.versions(KEY.object_key)]
    assert bodies[-1] == instance_file(pixel_data=b"5678")
    assert len(bodies) == 4


def test_finds_itself_identical_to_what_came_in_between(store: StoreInstance, objects: InMemoryObjects) -> None:
    stow(store, instance_file())
    received = store.receive("main", instance_file(pixel_data=b"5678"), door=Door.STOW_RS)
    puts = []

    def come_in_between(object_key: str) -> None:
        puts.append(object_key)
        if len(puts) == 2:  # the second is the replacing one
            metadata = received.arrival.as_object_metadata()
            objects.put("main", object_key, received.part10, metadata)

    objects.before_put = come_in_between
    assert store.keep(received).outcome is Outcome.IDENTICAL


def test_creates_what_was_deleted_in_between(store: StoreInstance, objects: InMemoryObjects) -> None:
    stow(store, instance_file())
    puts = []

    def delete_in_between(object_key: str) -> None:
        puts.append(object_key)
        if len(puts) == 2:
            objects.delete("main", object_key)

    objects.before_put = delete_in_between
    assert stow(store, instance_file(pixel_data=b"5678")).outcome is Outcome.CREATED


def test_gives_up_where_others_never_stop(store: StoreInstance, objects: InMemoryObjects) -> None:
    stow(store, instance_file())
    numbers = iter(range(1_000))
    objects.before_put = lambda key: (
        objects.put("main", key, instance_file(pixel_data=b"%04d" % next(numbers))) and None
    )
    with pytest.raises(Unavailable):
        stow(store, instance_file(pixel_data=b"mine"))


def test_says_nothing_is_stored_when_the_store_does_not_answer(store: StoreInstance, objects: InMemoryObjects) -> None:
    objects.available = False
    with pytest.raises(Unavailable):
        stow(store, instance_file())


def test_refuses_another_study_than_the_one_named(store: StoreInstance, objects: InMemoryObjects) -> None:
    refused = refusal(store, instance_file(), study="1.2.99")
    assert refused.reason is RejectReason.OTHER_STUDY
    assert refused.sop_instance_uid == "1.2.3"
    assert objects.keys() == []
    assert store("main", instance_file(), door=Door.STOW_RS, study_instance_uid="1.2.1").outcome is Outcome.CREATED


OTHER_CLASS = file_meta_information("1.2.840.10008.5.1.4.1.1.4", "1.2.3", EXPLICIT_VR_LITTLE_ENDIAN)
OTHER_INSTANCE = file_meta_information(SOP_CLASS_UID, "1.2.4", EXPLICIT_VR_LITTLE_ENDIAN)


@pytest.mark.parametrize(
    ("file_meta", "door"),
    [(OTHER_CLASS, Door.STOW_RS), (OTHER_CLASS, Door.C_STORE), (OTHER_INSTANCE, Door.C_STORE)],
)
def test_refuses_a_data_set_that_is_not_what_was_announced(store: StoreInstance, file_meta: bytes, door: Door) -> None:
    first, then = identifiers()
    with pytest.raises(Rejected) as refused:
        store("main", file_meta + first + then, door=door)
    assert refused.value.reason is RejectReason.SOP_CLASS_MISMATCH
    assert (refused.value.sop_class_uid, refused.value.sop_instance_uid) == (SOP_CLASS_UID, "1.2.3")


def test_a_file_may_still_name_the_instance_it_was_made_from(store: StoreInstance) -> None:
    first, then = identifiers()
    assert stow(store, OTHER_INSTANCE + first + then).key == KEY


def test_refuses_pixel_data_that_is_cut_short(store: StoreInstance, objects: InMemoryObjects) -> None:
    refused = refusal(store, instance_file()[:-1])
    assert refused.reason is RejectReason.TRUNCATED
    assert refused.sop_instance_uid == "1.2.3"
    assert objects.keys() == []


def test_refuses_what_is_not_dicom(store: StoreInstance) -> None:
    assert refusal(store, b"%PDF-1.7").reason is RejectReason.NOT_DICOM


def test_refuses_an_unknown_space(store: StoreInstance) -> None:
    assert refusal(store, instance_file(), "elsewhere").reason is RejectReason.NO_SUCH_SPACE
