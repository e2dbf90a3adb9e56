"""Frames are read where they lie, and little else is."""

import tracemalloc
from collections.abc import Sequence
from itertools import count
from struct import pack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.instance import LAYOUT_BESIDE, NO_LAYOUT, Instance
from imaging.ports.objects import StoredObject
from imaging.reading.instance_pixels import MAX_PIECE_BYTES, InstancePixels
from tests.fakes import InMemoryObjects
from tests.unit.dicom.files import (
    EXPLICIT_VR_BIG_ENDIAN,
    element,
    instance_file,
    item,
    part10,
    pydicom_file,
)
from tests.unit.dicom.pixel_files import (
    JPEG_2000,
    RLE,
    encapsulated_element,
    encapsulated_file,
    frame,
    image_attributes,
    image_file,
    native_element,
)
from tests.unit.reading.stored_instances import CountingObjects, stored_instance

KiB = 1024
MiB = 1024 * KiB
FRAME_BYTES = 512 * KiB
FRAMES = 200  # of 100 MiB together


def read(objects: InMemoryObjects, instance: Instance, numbers: Sequence[int]) -> list[bytes]:
    return [one.content for one in InstancePixels(objects).frames(instance, numbers)]


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    return [frame(number, FRAME_BYTES) for number in range(FRAMES)]


def large_native(frames: Sequence[bytes]) -> bytes:
    return image_file(image_attributes(512, 1024, frames=len(frames)), native_element(b"".join(frames), "OB"))


@pytest.fixture(
    scope="module",
    params=["native", "one fragment", "many fragments", "no table", "many, no table", "extended table"],
)
def large(request: pytest.FixtureRequest, frames: list[bytes]) -> tuple[CountingObjects, Instance]:
    objects = CountingObjects()
    content = {
        "native": lambda: large_native(frames),
        "one fragment": lambda: encapsulated_file(frames),
        "many fragments": lambda: encapsulated_file(frames, fragments_per_frame=4),
        "no table": lambda: encapsulated_file(frames, basic_offset_table=False),
        "many, no table": lambda: encapsulated_file(frames, fragments_per_frame=2, basic_offset_table=False),
        "extended table": lambda: encapsulated_file(frames, extended_offset_table=True),
    }[request.param]()
    assert len(content) > 100 * MiB
    return objects, stored_instance(objects, content)


@pytest.mark.parametrize(
    "numbers",
    [[1], [FRAMES], [100], [7, 3, 7, 199], list(range(1, 11)), list(range(50, 120)), [10, 9, 8], [1, 3, 5, 7, 9]],
)
def test_no_more_is_read_than_the_frames_and_little_beside(
    large: tuple[CountingObjects, Instance], frames: list[bytes], numbers: list[int]
) -> None:
    objects, instance = large
    objects.reads.clear()
    assert read(objects, instance, numbers) == [frames[number - 1] for number in numbers]
    assert objects.bytes_read <= 1.05 * len(numbers) * FRAME_BYTES + 64 * KiB
    assert max(size_bytes for _, _, size_bytes in objects.reads) <= MAX_PIECE_BYTES


def test_one_frame_takes_one_read(large: tuple[CountingObjects, Instance]) -> None:
    objects, instance = large
    objects.reads.clear()
    assert len(read(objects, instance, [123])) == 1
    assert len(objects.reads) == 1


def test_neighbours_are_read_together(large: tuple[CountingObjects, Instance]) -> None:
    objects, instance = large
    objects.reads.clear()
    assert len(read(objects, instance, range(1, 61))) == 60
    assert len(objects.reads) <= 5


class MadeUpFrames(InMemoryObjects):
    """An object whose bytes are made when they are read."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__()
        self._beginning = beginning

    def read(
        self, space: str, object_key: str, *, first: int = 0, last: int | None = None, version_id: str | None = None
    ) -> tuple[StoredObject, bytes] | None:
        found = super().read(space, object_key, version_id=version_id)
        assert found
        assert last is not None
        return found[0], bytes(last + 1 - first)


def test_memory_stays_as_it_is_however_many_frames_there_are() -> None:
    beginning = image_file(image_attributes(1024, 1024, frames=600), element(0x7FE00010, "OB", b"", length=600 * MiB))
    objects = MadeUpFrames(beginning)
    instance = stored_instance(objects, beginning)
    instance = Instance(**{**vars(instance), "size_bytes": len(beginning) + 600 * MiB})
    tracemalloc.start()
    seen = sum(len(one.content) for one in InstancePixels(objects).frames(instance, range(1, 601)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 600 * MiB
    assert peak < 80 * MiB


def test_a_frame_larger_than_a_piece_is_read_in_pieces() -> None:
    objects = CountingObjects()
    value = frame(1, 20 * MiB)
    content = image_file(image_attributes(4096, 5120), native_element(value, "OB"))
    instance = stored_instance(objects, content)
    assert read(objects, instance, [1]) == [value]
    assert [size_bytes for _, _, size_bytes in sorted(objects.reads)] == [8 * MiB, 8 * MiB, 4 * MiB]


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    numbers=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    big_endian=st.booleans(),
)
def test_frames_of_one_bit_a_pixel_begin_with_a_byte_of_their_own(
    rows: int, columns: int, numbers: list[int], big_endian: bool
) -> None:
    bits = np.random.default_rng(rows * 10 + columns).integers(0, 2, (5, rows * columns), dtype=np.uint8)
    value = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    value += bytes(len(value) % 2)
    objects = InMemoryObjects()
    if big_endian:
        content = big_endian_file(rows, columns, 5, 1, np.frombuffer(value, "<u2").astype(">u2").tobytes())
    else:
        content = image_file(image_attributes(rows, columns, frames=5, bits=1), native_element(value))
    instance = stored_instance(objects, content)
    for number, found in zip(numbers, read(objects, instance, numbers), strict=True):
        unpacked = np.unpackbits(np.frombuffer(found, np.uint8), bitorder="little")
        assert len(found) == -(-rows * columns // 8)
        assert unpacked[: rows * columns].tolist() == bits[number - 1].tolist()
        assert not unpacked[rows * columns :].any()


def test_samples_of_a_byte_in_big_endian_words_come_in_their_order() -> None:
    samples = bytes(range(45))  # 5 frames of 9 bytes: every other one begins inside a word
    words = b"".join(samples[at : at + 2].ljust(2, b"\0")[::-1] for at in range(0, 45, 2))
    objects = InMemoryObjects()
    instance = stored_instance(objects, big_endian_file(3, 3, 5, 8, words))
    assert read(objects, instance, [2, 1, 5]) == [samples[9:18], samples[:9], samples[36:]]


def big_endian_file(rows: int, columns: int, frames: int, bits: int, value: bytes) -> bytes:
    def big(tag: int, vr: str, content: bytes) -> bytes:
        length = pack(">2xL", len(content)) if vr == "OW" else pack(">H", len(content))
        return pack(">HH2s", tag >> 16, tag & 0xFFFF, vr.encode()) + length + content

    def text(content: str) -> bytes:
        return content.encode() + b"\0" * (len(content) % 2)

    elements = [
        big(0x00080016, "UI", text("1.2.840.10008.5.1.4.1.1.2")),
        big(0x00080018, "UI", text("1.2.3")),
        big(0x0020000D, "UI", text("1.2.1")),
        big(0x0020000E, "UI", text("1.2.2")),
        big(0x00280002, "US", pack(">H", 1)),
        big(0x00280008, "IS", f"{frames} ".encode()),
        big(0x00280010, "US", pack(">H", rows)),
        big(0x00280011, "US", pack(">H", columns)),
        big(0x00280100, "US", pack(">H", bits)),
        big(0x7FE00010, "OW", value),
    ]
    return part10(b"".join(elements), EXPLICIT_VR_BIG_ENDIAN)


def test_deflated_frames_are_inflated_in_any_order() -> None:
    objects = InMemoryObjects()
    instance = stored_instance(objects, pydicom_file("image_dfl.dcm"))
    pixels = InstancePixels(objects)
    once, again = pixels.frames(instance, [1, 1])
    assert once == again
    assert len(once.content) == pixels.layout(instance).size_bytes


@pytest.mark.parametrize("number", [0, 4, 10**9])
def test_a_frame_that_there_is_not_is_refused_before_anything_is_read(number: int) -> None:
    objects = CountingObjects()
    instance = stored_instance(objects, encapsulated_file([frame(1)] * 3))
    with pytest.raises(Rejected, match="has 3 frames") as refused:
        InstancePixels(objects).frames(instance, [1, number])
    assert refused.value.reason is RejectReason.NO_SUCH_RESOURCE
    assert not objects.reads


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (instance_file(pixel_data=b""), "not an image"),
        (pydicom_file("rtplan.dcm"), "not an image"),
        (instance_file(), "does not say how its pixels are laid out"),
        (encapsulated_file([frame(1)], transfer_syntax_uid="1.2.840.10008.1.2.4.102"), "is a video"),
        (
            image_file(image_attributes(frames=4), encapsulated_element(item(b"") + item(b"ab") * 6), RLE),
            "cannot be told",
        ),
    ],
)
def test_what_has_no_frames_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    objects = InMemoryObjects()
    for is_indexed in (True, False):
        instance = stored_instance(objects, content, indexed=is_indexed)
        with pytest.raises(Rejected, match=sentence) as refused:
            InstancePixels(objects).frames(instance, [1])
        assert refused.value.reason is RejectReason.NOT_ACCEPTABLE


def test_pixels_that_end_too_early_are_refused_when_the_frame_is_reached() -> None:
    objects = InMemoryObjects()
    instance = stored_instance(objects, image_file(image_attributes(4, 4, frames=3), native_element(bytes(40))))
    given_frames = InstancePixels(objects).frames(instance, [1, 2, 3])
    assert len(next(given_frames).content) == 16
    with pytest.raises(Rejected, match="end before this frame"):
        list(given_frames)


def test_an_offset_table_that_is_wrong_in_its_middle_is_found_out_and_left() -> None:
    frames = [frame(number, size) for number, size in zip(range(5), count(1000, 200), strict=False)]
    starts = [sum(len(one) + 8 for one in frames[:number]) for number in range(5)]
    starts[2] -= 100  # the last still leads to an item
    items = item(pack("<5L", *starts)) + b"".join(item(one) for one in frames)
    objects = CountingObjects()
    instance = stored_instance(objects, image_file(image_attributes(frames=5), encapsulated_element(items), JPEG_2000))
    assert read(objects, instance, [1, 2, 3, 4, 5]) == frames
    assert read(objects, instance, [4]) == [frames[3]]
    pixels = InstancePixels(objects)
    assert [one.content for one in pixels.frames(instance, [3])] == [frames[2]]
    objects.reads.clear()
    assert [one.content for one in pixels.frames(instance, [2])] == [frames[1]]
    assert len(objects.reads) == 1  # it is remembered


def test_a_layout_too_long_for_its_row_lies_beside_the_instance_and_is_read_once() -> None:
    frames = [frame(number, 20 + 2 * (number * 7919 % 500)) for number in range(2_000)]
    objects = CountingObjects()
    instance = stored_instance(objects, encapsulated_file(frames))
    assert instance.pixel_layout == LAYOUT_BESIDE
    assert objects.keys(prefix=instance.spilled_layout_key)
    pixels = InstancePixels(objects)
    assert [one.content for one in pixels.frames(instance, [2_000, 1])] == [frames[-1], frames[0]]
    assert len(objects.reads) == 3
    list(pixels.frames(instance, [1_000]))
    assert len(objects.reads) == 4


def test_an_instance_that_an_earlier_release_indexed_has_its_layout_found() -> None:
    frames = [frame(number) for number in range(3)]
    objects = InMemoryObjects()
    instance = stored_instance(objects, encapsulated_file(frames, basic_offset_table=False), indexed=False)
    assert instance.pixel_layout == b""
    assert read(objects, instance, [3, 1]) == [frames[2], frames[0]]


def test_frames_that_took_too_long_to_find_are_found_when_they_are_asked_for() -> None:
    frames = [frame(number, 70_000) for number in range(600)]
    objects = CountingObjects()
    instance = stored_instance(objects, encapsulated_file(frames, basic_offset_table=False))
    assert instance.pixel_layout == b""
    pixels = InstancePixels(objects)
    assert [one.content for one in pixels.frames(instance, [600, 1])] == [frames[599], frames[0]]
    objects.reads.clear()
    assert [one.content for one in pixels.frames(instance, [300])] == [frames[299]]
    assert len(objects.reads) == 1


def test_an_instance_without_pixels_is_known_by_its_row() -> None:
    objects = CountingObjects()
    instance = stored_instance(objects, pydicom_file("rtplan.dcm"))
    assert instance.pixel_layout == NO_LAYOUT
    with pytest.raises(Rejected):
        InstancePixels(objects).layout(instance)
    assert not objects.reads


def test_a_read_that_breaks_off_is_tried_once_more() -> None:
    objects = CountingObjects()
    instance = stored_instance(objects, encapsulated_file([frame(1)]))
    objects.failures = 1
    assert read(objects, instance, [1]) == [frame(1)]
    objects.failures = 2
    with pytest.raises(Unavailable):
        read(objects, instance, [1])


def test_a_version_that_is_gone_is_unavailable() -> None:
    objects = InMemoryObjects()
    instance = stored_instance(objects, encapsulated_file([frame(1)]))
    objects.remove_version("main", instance.key.object_key, instance.version_id)
    with pytest.raises(Unavailable):
        read(objects, instance, [1])
