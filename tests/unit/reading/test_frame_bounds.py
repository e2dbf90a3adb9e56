"""Frames that a header counts are not taken for frames that there are."""

from dataclasses import replace

import pytest

from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.pixel_layout import PixelLayout
from imaging.errors import Rejected, RejectReason
from imaging.reading.frame_bounds import MAX_FRAME_BYTES, check_frames, check_layout
from imaging.reading.instance_pixels import InstancePixels
from tests.fakes import InMemoryObjects
from tests.unit.dicom.files import element
from tests.unit.dicom.pixel_files import encapsulated_file, frame, image_attributes, image_file, native_element
from tests.unit.reading.stored_instances import stored_instance

MANY = 2**31 - 1
CT = PixelDescription("1.2.840.10008.1.2.1", 8, 8, 1, "MONOCHROME2", 16, 16, 0, 0, 3)
LAYOUT = PixelLayout(CT, "OW", 1000, 3 * 128, is_encapsulated=False, frame_bits=8 * 128)
DEFLATED = "1.2.840.10008.1.2.1.99"


def counting(layout: PixelLayout, number_of_frames: int, transfer_syntax_uid: str = "") -> PixelLayout:
    uid = transfer_syntax_uid or CT.transfer_syntax_uid
    return replace(layout, description=replace(CT, number_of_frames=number_of_frames, transfer_syntax_uid=uid))


@pytest.mark.parametrize(
    ("layout", "file_bytes"),
    [
        (counting(LAYOUT, 5), 2000),
        (counting(LAYOUT, MANY), 2000),
        (counting(replace(LAYOUT, size_bytes=2**32 - 2), 2**25), 2000),  # a length that the file has not
        (counting(LAYOUT, MANY, DEFLATED), 2000),
        (replace(counting(LAYOUT, MANY), is_encapsulated=True, frame_bits=0), 2000),
    ],
)
def test_who_counts_frames_that_there_are_not_is_refused(layout: PixelLayout, file_bytes: int) -> None:
    with pytest.raises(Rejected, match="retrieve the whole instance") as refused:
        check_layout(layout, file_bytes)
    assert refused.value.reason is RejectReason.NOT_ACCEPTABLE


@pytest.mark.parametrize("number_of_frames", [1, 3, 4])
def test_a_last_frame_that_is_cut_keeps_nobody_from_the_others(number_of_frames: int) -> None:
    check_layout(counting(LAYOUT, number_of_frames), 2000)
    check_layout(counting(LAYOUT, number_of_frames, DEFLATED), 1001)


def test_however_many_frames_are_asked_for_only_the_ends_of_a_range_are_looked_at() -> None:
    check_frames(counting(LAYOUT, MANY), range(1, MANY + 1))
    with pytest.raises(Rejected):
        check_frames(counting(LAYOUT, MANY), range(1, MANY + 2))
    with pytest.raises(Rejected):
        check_frames(counting(LAYOUT, MANY), range(MANY))


def test_a_frame_that_is_too_large_is_refused_before_it_is_read() -> None:
    large = replace(LAYOUT, frame_bits=8 * MAX_FRAME_BYTES + 8)
    offsets = (1000, 1100, 1101 + MAX_FRAME_BYTES)
    among_others = replace(counting(LAYOUT, 2), is_encapsulated=True, frame_bits=0, frame_offsets=offsets)
    check_frames(among_others, [1])
    for layout, numbers in ((large, [1]), (among_others, [2]), (among_others, range(1, 3))):
        with pytest.raises(Rejected, match="larger than 128 MiB") as refused:
            check_frames(layout, numbers)
        assert refused.value.reason is RejectReason.NOT_ACCEPTABLE


def test_a_small_file_that_counts_very_many_frames_is_no_image() -> None:
    for value in (native_element(bytes(64)), element(0x7FE00010, "OB", b"", length=2**32 - 2)):
        objects = InMemoryObjects()
        instance = stored_instance(objects, image_file(image_attributes(8, 8, frames=100_000_000), value))
        with pytest.raises(Rejected, match="counts 100000000 frames"):
            InstancePixels(objects).description(instance)


def test_a_number_of_frames_beyond_its_vr_is_none() -> None:
    objects = InMemoryObjects()
    content = image_file(image_attributes(8, 8, frames=10**30), native_element(bytes(64)))
    assert InstancePixels(objects).description(stored_instance(objects, content)).number_of_frames == 1


def test_frames_that_were_all_found_pass() -> None:
    objects = InMemoryObjects()
    instance = stored_instance(objects, encapsulated_file([frame(number) for number in range(3)]))
    assert InstancePixels(objects).description(instance).number_of_frames == 3
