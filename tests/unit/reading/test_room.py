"""Memory that answers share."""

import threading

import pytest
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from imaging.errors import Rejected, Unavailable
from imaging.model.instance import Instance
from imaging.pixels.worker_pool import WorkerPool
from imaging.ports.pixels import Rendering
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.render_image import Picture, RenderImage
from imaging.reading.retrieve_frames import RetrieveFrames
from imaging.reading.room import Room
from imaging.reading.transcode_instance import TranscodeInstance
from tests.fakes import InMemoryObjects
from tests.unit.dicom.pixel_files import RLE, encapsulated_file, frame
from tests.unit.reading.stored_instances import stored_instance

MiB = 1024 * 1024
EXPLICIT = str(ExplicitVRLittleEndian)


def test_who_finds_no_room_waits_for_it() -> None:
    room, entered = Room(10), threading.Event()

    def other() -> None:
        with room.held(4):
            entered.set()

    waiting = threading.Thread(target=other)
    with room.held(7):
        waiting.start()
        assert not entered.wait(0.1)
    assert entered.wait(10)
    waiting.join()
    assert room.held_bytes == 0


def test_who_waits_too_long_is_told_to_come_again() -> None:
    room = Room(10, seconds_to_wait=0.01)
    with room.held(7):
        with pytest.raises(Unavailable, match="large frames"), room.held(4):
            pass
        with room.held(3):
            assert room.held_bytes == 10


def test_what_is_larger_than_the_room_has_it_alone() -> None:
    room = Room(10)
    with room.held(1000):
        assert room.held_bytes == 10


def test_a_failure_gives_its_room_back() -> None:
    room = Room(10)
    with pytest.raises(KeyError), room.held(5):
        raise KeyError
    assert room.held_bytes == 0


class Reader:
    """All that takes frames of an instance, with one room for them."""

    def __init__(self, objects: InMemoryObjects, room: Room) -> None:
        self._worker = WorkerPool(1)
        pixels, headers = InstancePixels(objects, room=room), InstanceHeaders(objects)
        self._frames = RetrieveFrames(pixels, self._worker)
        self._transcode = TranscodeInstance(objects, headers, pixels, self._worker)
        self._render = RenderImage(None, pixels, headers, self._worker)  # type: ignore[arg-type]

    def stored(self, instance: Instance) -> None:
        list(self._frames.stored(instance, [1]))

    def uncompressed(self, instance: Instance) -> None:
        list(self._frames.uncompressed(instance, [1]))

    def compressed(self, instance: Instance) -> None:
        list(self._frames.compressed(instance, [1], str(RLELossless)))

    def transcoded(self, instance: Instance) -> None:
        list(self._transcode.pieces(instance, EXPLICIT))

    def rendered(self, instance: Instance) -> None:
        self._render(Picture(instance, [1]), Rendering("image/png"))

    def close(self) -> None:
        self._worker.close()


@pytest.mark.parametrize("way", ["stored", "uncompressed", "compressed", "transcoded", "rendered"])
def test_a_large_frame_is_read_when_there_is_room_whatever_it_is_read_for(way: str) -> None:
    objects, room = InMemoryObjects(), Room(100 * MiB, seconds_to_wait=0.05)
    instance = stored_instance(objects, encapsulated_file([frame(1, 40 * MiB)], transfer_syntax_uid=RLE))
    reader = Reader(objects, room)
    with room.held(70 * MiB), pytest.raises(Unavailable, match="large frames"):
        getattr(reader, way)(instance)
    if way == "stored":
        reader.stored(instance)
    else:
        with pytest.raises(Rejected, match="cannot be decoded"):  # what it says it is, it is not
            getattr(reader, way)(instance)
    assert room.held_bytes == 0
    reader.close()
