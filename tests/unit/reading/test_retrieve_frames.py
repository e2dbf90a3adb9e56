"""Frames as they are stored, uncompressed, or compressed anew; in their order, whatever takes longer."""

import threading
import time
from dataclasses import replace

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicom.pixel_description import PixelDescription
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.ports.pixels import Frame
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.room import Room
from tests.fakes import InMemoryObjects
from tests.unit.dicom.files import pydicom_file
from tests.unit.dicom.pixel_files import RLE, encapsulated_file, frame, image_attributes, image_file, native_element
from tests.unit.reading.stored_instances import stored_instance

MiB = 1024 * 1024
LITTLE = str(ExplicitVRLittleEndian)


class SlowWorker:
    """Takes longer for some frames than for others; refuses what it is told to."""

    def __init__(self, refused: bytes = b"") -> None:
        self.side_by_side = self.most_side_by_side = 0
        self._refused = refused
        self._lock = threading.Lock()

    def decoded(self, one: Frame) -> Frame:
        with self._lock:
            self.side_by_side += 1
            self.most_side_by_side = max(self.most_side_by_side, self.side_by_side)
        time.sleep(0.001 * (one.content[5] % 20))
        with self._lock:
            self.side_by_side -= 1
        if one.content == self._refused:
            raise Rejected(RejectReason.NOT_ACCEPTABLE, "The pixels cannot be decoded.")
        return Frame(b"decoded " + one.content, replace(one.description, transfer_syntax_uid=LITTLE))

    def encoded(self, one: Frame, transfer_syntax_uid: str) -> Frame:
        return Frame(b"encoded " + one.content, replace(one.description, transfer_syntax_uid=transfer_syntax_uid))

    def rendered(self, header: object, frames: object, rendering: object) -> bytes:
        raise NotImplementedError


class NoWorker(SlowWorker):
    """Must not be asked."""

    def decoded(self, one: Frame) -> Frame:
        raise AssertionError


def test_compressed_frames_are_decoded_side_by_side_and_come_in_their_order() -> None:
    frames = [frame(number) for number in range(30)]
    objects, worker = InMemoryObjects(), SlowWorker()
    retrieve = RetrieveFrames(InstancePixels(objects), worker)
    instance = stored_instance(objects, encapsulated_file(frames))
    assert [one.content for one in retrieve.stored(instance, [2, 1])] == [frames[1], frames[0]]
    found = list(retrieve.uncompressed(instance, range(1, 31)))
    assert [one.content for one in found] == [b"decoded " + one for one in frames]
    assert {one.description.transfer_syntax_uid for one in found} == {LITTLE}
    assert 1 < worker.most_side_by_side <= 4


def test_native_frames_pass_without_a_worker() -> None:
    objects = InMemoryObjects()
    retrieve = RetrieveFrames(InstancePixels(objects), NoWorker())
    value = bytes(range(64))
    instance = stored_instance(objects, image_file(image_attributes(4, 4, frames=2, bits=16), native_element(value)))
    assert [one.content for one in retrieve.uncompressed(instance, [2, 1])] == [value[32:], value[:32]]


def test_big_endian_samples_are_swapped() -> None:
    objects = InMemoryObjects()
    retrieve = RetrieveFrames(InstancePixels(objects), NoWorker())
    big = stored_instance(objects, pydicom_file("rtdose_expb.dcm"))
    little = stored_instance(objects, pydicom_file("rtdose.dcm"))
    numbers = [1, 15, 7]
    swapped = list(retrieve.uncompressed(big, numbers))
    assert [one.content for one in swapped] == [one.content for one in retrieve.uncompressed(little, numbers)]
    assert swapped[0].description.transfer_syntax_uid == LITTLE


def test_frames_are_compressed_anew_whatever_they_were() -> None:
    objects = InMemoryObjects()
    retrieve = RetrieveFrames(InstancePixels(objects), SlowWorker())
    native = stored_instance(objects, image_file(image_attributes(4, 4), native_element(bytes(16))))
    compressed = stored_instance(objects, encapsulated_file([frame(1)]))
    assert [one.content for one in retrieve.compressed(native, [1], RLE)] == [b"encoded decoded " + bytes(16)]
    assert [one.content for one in retrieve.compressed(compressed, [1], RLE)] == [b"encoded decoded " + frame(1)]


def test_what_cannot_be_decoded_is_refused_where_it_stands() -> None:
    frames = [frame(number) for number in range(3)]
    objects = InMemoryObjects()
    retrieve = RetrieveFrames(InstancePixels(objects), SlowWorker(refused=frames[1]))
    given = retrieve.uncompressed(stored_instance(objects, encapsulated_file(frames)), [1, 2, 3])
    assert next(given).content == b"decoded " + frames[0]
    with pytest.raises(Rejected):
        next(given)


def test_a_number_that_there_is_not_is_refused_at_once() -> None:
    objects = InMemoryObjects()
    retrieve = RetrieveFrames(InstancePixels(objects), SlowWorker())
    instance = stored_instance(objects, encapsulated_file([frame(1)]))
    for ask in (retrieve.stored, retrieve.uncompressed):
        with pytest.raises(Rejected):
            ask(instance, [2])


def test_knows_what_it_can_make() -> None:
    retrieve = RetrieveFrames(InstancePixels(InMemoryObjects()), SlowWorker())
    integers = PixelDescription("1.2.840.10008.1.2.4.70", 4, 4, 1, "MONOCHROME2", 16, 12, 0, 0, 1)
    assert retrieve.can_decode(integers)
    assert retrieve.can_encode(integers, RLE)
    assert not retrieve.can_encode(integers, "1.2.840.10008.1.2.4.50")
    assert not retrieve.can_encode(replace(integers, tag="7FE00008"), RLE)
    assert not retrieve.can_encode(replace(integers, bits_allocated=1), RLE)
    assert not retrieve.can_decode(replace(integers, transfer_syntax_uid="1.2.840.10008.1.2.4.102"))


class WatchingWorker(SlowWorker):
    """Looks how much room is held while it works."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.seen: set[int] = set()
        self._room = room

    def decoded(self, one: Frame) -> Frame:
        self.seen.add(self._room.held_bytes)
        return Frame(b"decoded", replace(one.description, transfer_syntax_uid=LITTLE))


def test_large_frames_share_room_while_they_are_under_way() -> None:
    objects, room = InMemoryObjects(), Room(60 * MiB, seconds_to_wait=0.05)
    worker = WatchingWorker(room)
    retrieve = RetrieveFrames(InstancePixels(objects, room=room), worker)
    instance = stored_instance(objects, encapsulated_file([frame(1, 20 * MiB)]))
    assert len(list(retrieve.uncompressed(instance, [1]))) == 1
    assert worker.seen == {2 * (20 * MiB + 8) + 16}  # read, with the header of its item; sent to the worker; made
    under_way = retrieve.uncompressed(instance, [1, 1])
    next(under_way)
    with pytest.raises(Unavailable, match="large frames"):
        next(retrieve.uncompressed(instance, [1]))
    under_way.close()
    assert room.held_bytes == 0
    assert len(list(retrieve.compressed(instance, [1], RLE))) == 1
    assert room.held_bytes == 0


def test_small_frames_take_no_room() -> None:
    objects, room = InMemoryObjects(), Room(0, seconds_to_wait=0)
    retrieve = RetrieveFrames(InstancePixels(objects, room=room), SlowWorker())
    instance = stored_instance(objects, encapsulated_file([frame(1)]))
    assert len(list(retrieve.uncompressed(instance, [1]))) == 1
