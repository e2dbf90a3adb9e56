"""Where pixels are found to lie, and with how few reads."""

from itertools import pairwise
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.fragments import content_of
from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.outline import read_outline, read_trailing
from imaging.dicom.pixel_layout import PixelLayout
from tests.unit.dicom.files import (
    DEFLATED,
    EXPLICIT_VR_BIG_ENDIAN,
    RecordingSource,
    element,
    instance_file,
    item,
    part10,
    pydicom_file,
    sequence,
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

KiB = 1024
NOTE = element(0xFFFCFFFC, "OB", b"\0" * 10)


def layout_of(content: bytes) -> PixelLayout:
    layout = read_outline(BytesSource(content)).pixel_layout
    assert layout
    assert PixelLayout.unpacked(layout.packed()) == layout
    return layout


def frames_of(content: bytes) -> list[bytes]:
    layout = layout_of(content)
    return [content_of(content[first:end]) for first, end in pairwise(layout.frame_offsets)]


def test_native_frames_lie_one_after_the_other() -> None:
    value = bytes(range(96))
    content = image_file(image_attributes(4, 4, frames=3, bits=16), native_element(value))
    layout = layout_of(content)
    places = [layout.frame_range(number) for number in (1, 2, 3)]
    assert [content[first:end] for first, end in places] == [value[:32], value[32:64], value[64:]]
    assert (layout.vr, layout.size_bytes, layout.end) == ("OW", 96, len(content))


def test_a_frame_of_halved_colour_has_two_samples_a_pixel() -> None:
    attributes = image_attributes(4, 4, frames=2, samples=3, photometric="YBR_FULL_422")
    assert layout_of(image_file(attributes, native_element(bytes(64)))).frame_bits == 4 * 4 * 2 * 8


def test_colour_that_is_only_called_halved_is_read_as_it_is() -> None:
    attributes = image_attributes(4, 4, frames=2, samples=3, photometric="YBR_FULL_422")
    layout = layout_of(image_file(attributes, native_element(bytes(96))))
    assert (layout.frame_bits, layout.description.photometric_interpretation) == (4 * 4 * 3 * 8, "YBR_FULL")


@pytest.mark.parametrize(("tag", "vr", "bits"), [(0x7FE00008, "OF", 32), (0x7FE00009, "OD", 64)])
def test_floating_point_pixels_are_pixels(tag: int, vr: str, bits: int) -> None:
    layout = layout_of(image_file(image_attributes(2, 2, bits=16), element(tag, vr, bytes(bits // 2))))
    assert (layout.vr, layout.frame_bits, layout.description.bits_allocated) == (vr, 4 * bits, bits)
    assert layout.description.tag == f"{tag:08X}"


@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("size_bytes", [100, 30_000, 100_000])
@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize("fragments", [1, 3])
def test_encapsulated_frames_are_found(count: int, size_bytes: int, has_table: bool, fragments: int) -> None:
    frames = [frame(number, size_bytes) for number in range(count)]
    content = encapsulated_file(
        frames,
        fragments_per_frame=fragments,
        basic_offset_table=has_table,
        trailing=NOTE,
        before=element(0x00091010, "OB", bytes(60 * KiB)),
    )
    assert frames_of(content) == frames
    assert 0xFFFCFFFC in read_outline(BytesSource(content)).further


def test_an_extended_offset_table_leads_to_the_frames_however_long_it_is() -> None:
    frames = [frame(number, 20) for number in range(9_000)]  # a table of 72,000 bytes, which the reader passes over
    content = encapsulated_file(frames, extended_offset_table=True)
    source = RecordingSource(content)
    layout = read_outline(source).pixel_layout
    assert layout
    assert len(layout.frame_offsets) == 9_001
    assert frames_of(content) == frames
    assert len(source.ranges) <= 5


def test_a_wrong_offset_table_is_not_followed() -> None:
    frames = [frame(number) for number in range(3)]
    right = encapsulated_file(frames)
    for wrong in ([0, 2016, 1008], [0, 1008, 2017], [8, 1016, 2024], [0, 1008, 999_999_999], [0, 1008]):
        table = item(pack(f"<{len(wrong)}L", *wrong))
        items = b"".join(item(one) for one in frames)
        content = image_file(image_attributes(frames=3), encapsulated_element(table + items), JPEG_2000)
        assert frames_of(content) == frames
    assert frames_of(right) == frames


def test_a_longer_offset_table_than_there_are_frames_still_tells_where_they_are() -> None:
    frames = [frame(number) for number in range(3)]
    content = encapsulated_file(frames).replace(element(0x00280008, "IS", "3"), element(0x00280008, "IS", "2"))
    assert frames_of(content) == frames[:2]


def test_fragments_that_cannot_be_told_apart_leave_frames_unknown() -> None:
    items = item(b"") + b"".join(item(bytes([number]) * 10) for number in range(6))
    layout = layout_of(image_file(image_attributes(frames=4), encapsulated_element(items), RLE, trailing=NOTE))
    assert not layout.has_frames
    assert (
        0xFFFCFFFC
        in read_outline(
            BytesSource(image_file(image_attributes(frames=4), encapsulated_element(items), RLE, trailing=NOTE))
        ).further
    )


def test_a_video_has_no_frames_to_read() -> None:
    for syntax in ("1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.102.1"):
        assert not layout_of(encapsulated_file([frame(1)], transfer_syntax_uid=syntax)).has_frames


@pytest.mark.parametrize(
    ("content", "size_bytes"),
    [
        (image_file(image_attributes(1000, 1000, frames=100), element(0x7FE00010, "OW", b"", length=10**8)), 10**8),
        (encapsulated_file([frame(1, 300_000)]), 0),
        (encapsulated_file([frame(1, 300_000)], basic_offset_table=False), 0),
        (encapsulated_file([frame(1, 100)] * 10), 0),
        (instance_file(), 0),
    ],
)
def test_the_usual_image_takes_no_read_beyond_its_header(content: bytes, size_bytes: int) -> None:
    for_header = RecordingSource(content, len(content) + size_bytes)
    read_header(for_header)
    source = RecordingSource(content, len(content) + size_bytes)
    assert read_outline(source).pixel_layout
    assert source.ranges == for_header.ranges
    assert len(source.ranges) == 1


@pytest.mark.timeout(10)
def test_padding_without_end_behind_the_pixels_is_not_gone_through() -> None:
    content = image_file(image_attributes(), native_element(bytes(16)))
    source = RecordingSource(content, 10**9)
    assert read_outline(source).pixel_layout
    assert source.bytes_read <= 128 * KiB


def test_many_frames_with_a_table_take_one_read_more() -> None:
    source = RecordingSource(encapsulated_file([frame(number, 50_000) for number in range(200)]))
    assert read_outline(source).pixel_layout
    assert len(source.ranges) == 2
    assert source.bytes_read <= 80 * KiB


def test_large_fragments_without_a_table_are_hopped_over() -> None:
    source = RecordingSource(encapsulated_file([frame(n, 500_000) for n in range(20)], basic_offset_table=False))
    layout = read_outline(source).pixel_layout
    assert layout
    assert len(layout.frame_offsets) == 21
    assert source.bytes_read <= 64 * KiB + 21 * 4 * KiB


def test_small_fragments_without_a_table_are_read_along() -> None:
    source = RecordingSource(encapsulated_file([frame(n, 1_000) for n in range(5_000)], basic_offset_table=False))
    layout = read_outline(source).pixel_layout
    assert layout
    assert len(layout.frame_offsets) == 5_001
    assert len(source.ranges) <= 8


def test_what_stands_behind_native_pixels_takes_one_read() -> None:
    signature = sequence(0xFFFAFFFA, item(element(0x04000100, "UI", "1.2.3.4")))
    private = element(0x7FE10010, "LO", "OURS") + element(0x7FE11001, "OB", bytes(5_000))
    content = image_file(
        image_attributes(500, 500), native_element(bytes(250_000)), trailing=private + signature + NOTE
    )
    source = RecordingSource(content)
    outline = read_outline(source)
    assert len(source.ranges) == 2
    attributes = to_dicom_json(outline.header, further=outline.further)
    assert attributes["7FE11001"] == {"vr": "OB", "BulkDataURI": "bulkdata/7FE11001"}
    assert attributes["FFFAFFFA"]["Value"] == [{"04000100": {"vr": "UI", "Value": ["1.2.3.4"]}}]
    assert attributes["7FE00010"] == {"vr": "OW", "BulkDataURI": "bulkdata/7FE00010"}
    layout = outline.pixel_layout
    assert layout
    trailing = read_trailing(BytesSource(content), outline.header, layout)
    assert sorted(trailing.keys()) == [0x7FE10010, 0x7FE11001, 0xFFFAFFFA, 0xFFFCFFFC]


def test_text_behind_the_pixels_has_the_character_set_of_the_header() -> None:
    first = element(0x00080005, "CS", "ISO_IR 100")
    behind = element(0x7FE10010, "LO", "OURS") + element(0x7FE11001, "LO", "Käse".encode("latin-1"))
    content = part10(first + instance_file(pixel_data=b"")[part10_length() :] + behind)
    outline = read_outline(BytesSource(content))
    attributes = to_dicom_json(outline.header, further=outline.further)
    assert attributes["7FE11001"] == {"vr": "LO", "Value": ["Käse"]}


def part10_length() -> int:
    return len(part10(b""))


def test_a_wrong_end_does_not_hide_the_beginning() -> None:
    good = image_file(image_attributes(), native_element(bytes(16)))
    for wrong in (b"\1\2\3", element(0x7FE10010, "LO", "x", length=5_000), b"\xff" * 50):
        outline = read_outline(BytesSource(good + wrong))
        assert outline.pixel_layout
        assert "7FE00010" in to_dicom_json(outline.header, further=outline.further)


def test_pixels_that_nothing_describes_have_no_frames_and_no_pixels_no_layout() -> None:
    assert not layout_of(instance_file()).has_frames
    assert read_outline(BytesSource(instance_file(pixel_data=b""))).pixel_layout is None
    assert read_outline(BytesSource(pydicom_file("rtplan.dcm"))).pixel_layout is None


def test_words_of_two_small_samples_are_known_by_their_byte_order() -> None:
    layout = layout_of(pydicom_file("ExplVR_BigEnd.dcm"))
    assert layout.description.transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN
    assert layout.has_swapped_bytes == (layout.vr == "OW" and layout.description.bits_allocated == 8)


def test_a_deflated_data_set_has_offsets_of_what_it_is_inflated() -> None:
    layout = layout_of(pydicom_file("image_dfl.dcm"))
    assert layout.is_deflated
    assert layout.description.transfer_syntax_uid == DEFLATED
    assert layout.size_bytes * 8 == layout.frame_bits


@given(st.binary(max_size=200), st.integers(0, 3), st.booleans())
def test_whatever_stands_where_fragments_should_never_harms(content: bytes, frames: int, trusts: bool) -> None:
    file = image_file(image_attributes(frames=frames), encapsulated_element(content), JPEG_2000)
    layout = read_outline(BytesSource(file), trusts_offset_tables=trusts).pixel_layout
    assert layout is None or layout.end <= len(file)
