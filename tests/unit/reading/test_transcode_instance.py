"""Whole instances in another transfer syntax, PS3.5 Section 10."""

import tracemalloc
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from struct import pack
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from imaging.dicom.byte_source import BytesSource
from imaging.dicom.header import read_header
from imaging.dicom.outline import read_outline
from imaging.dicom.pixel_description import PixelDescription
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import NO_LAYOUT, Instance
from imaging.ports.objects import ObjectStore, StoredObject
from imaging.ports.pixels import Frame, Rendering
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.transcode_instance import TranscodeInstance
from tests.fakes import START, InMemoryObjects
from tests.instances import part10_instance
from tests.unit.dicom.files import UNDEFINED, element, identifiers, item, part10, sequence
from tests.unit.reading.stored_files import stored

KEY = InstanceKey("main", "1.2.1", "1.2.2", "1.2.3")
EXPLICIT = str(ExplicitVRLittleEndian)
DEFLATED = str(DeflatedExplicitVRLittleEndian)
RLE = str(RLELossless)
MPEG4 = "1.2.840.10008.1.2.4.102"
MiB = 1024 * 1024


class ComplementWorker:
    """A codec of its own: compressed is the complement of uncompressed. Frames that begin with 0xBD are bad."""

    def __init__(self) -> None:
        self.decoded_frames = 0

    def decoded(self, frame: Frame) -> Frame:
        if frame.content.startswith(b"\xbd"):
            raise Rejected(RejectReason.NOT_ACCEPTABLE, "The pixels cannot be decoded.")
        self.decoded_frames += 1
        is_native = frame.description.transfer_syntax_uid in {EXPLICIT, str(ImplicitVRLittleEndian)}
        content = frame.content if is_native else _without_padding(frame)
        return Frame(content, _as(frame.description, EXPLICIT))

    def encoded(self, frame: Frame, transfer_syntax_uid: str) -> Frame:
        return Frame(_complement(frame.content), _as(frame.description, transfer_syntax_uid))

    def rendered(self, header: Dataset, frames: object, rendering: Rendering) -> bytes:
        raise NotImplementedError


def _without_padding(frame: Frame) -> bytes:
    described = frame.description
    return _complement(frame.content[: described.rows * described.columns])


def _complement(content: bytes) -> bytes:
    return content.translate(bytes(255 - value for value in range(256)))


def _as(description: PixelDescription, transfer_syntax_uid: str) -> PixelDescription:
    return replace(description, transfer_syntax_uid=transfer_syntax_uid)


def transcoder(objects: ObjectStore) -> TranscodeInstance:
    return TranscodeInstance(objects, InstanceHeaders(objects), InstancePixels(objects), ComplementWorker())


def made(content: bytes, transfer_syntax_uid: str) -> bytes:
    objects = InMemoryObjects()
    return b"".join(transcoder(objects).pieces(stored(objects, content), transfer_syntax_uid))


def targets(content: bytes) -> frozenset[str]:
    objects = InMemoryObjects()
    return transcoder(objects).targets(stored(objects, content))


def described(rows: int, columns: int, frames: int = 1) -> bytes:
    return (
        element(0x00280002, "US", pack("<H", 1))
        + element(0x00280004, "CS", "MONOCHROME2")
        + element(0x00280008, "IS", str(frames))
        + element(0x00280010, "US", pack("<H", rows))
        + element(0x00280011, "US", pack("<H", columns))
        + element(0x00280100, "US", pack("<H", 8))
        + element(0x00280101, "US", pack("<H", 8))
    )


def fragments(*contents: bytes) -> bytes:
    return b"".join(map(item, contents)) + pack("<HHL", 0xFFFE, 0xE0DD, 0)


def compressed(*frames: bytes, behind: bytes = b"", before: bytes = b"", transfer_syntax_uid: str = RLE) -> bytes:
    first, then = identifiers()
    pixels = element(0x7FE00010, "OB", fragments(b"", *frames), length=UNDEFINED)
    return part10(first + before + then + described(2, 2, len(frames)) + pixels + behind, transfer_syntax_uid)


def _recoded_by_pydicom(transfer_syntax_uid: str) -> bytes:
    ds = dcmread(BytesIO(part10_instance(KEY, PixelData=bytes(range(128)), RequestAttributesSequence=[Dataset()])))
    ds.file_meta.TransferSyntaxUID = transfer_syntax_uid
    written = BytesIO()
    dcmwrite(
        written,
        ds,
        implicit_vr=transfer_syntax_uid == ImplicitVRLittleEndian,
        little_endian=transfer_syntax_uid != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    return written.getvalue()


def first_piece_is_refused(content: bytes, transfer_syntax_uid: str) -> str:
    objects = InMemoryObjects()
    pieces = transcoder(objects).pieces(stored(objects, content), transfer_syntax_uid)
    with pytest.raises(Rejected) as refused:
        next(pieces)
    assert refused.value.reason is RejectReason.NOT_ACCEPTABLE
    return str(refused.value)


def test_native_ones_can_be_made_uncompressed_and_compressed_but_not_as_they_are() -> None:
    assert targets(part10_instance(KEY, Rows=32, Columns=32, PixelData=bytes(2048))) == {
        DEFLATED,
        RLE,
        str(JPEG2000Lossless),
    }


def test_small_ones_are_not_for_jpeg_2000() -> None:
    assert targets(part10_instance(KEY)) == {DEFLATED, RLE}


def test_compressed_ones_can_be_made_uncompressed() -> None:
    assert targets(compressed(b"\1\2\3\4")) == {EXPLICIT, DEFLATED}


def test_a_video_and_a_transfer_syntax_that_nobody_knows_stay_as_they_are() -> None:
    assert targets(compressed(b"\1\2\3\4", transfer_syntax_uid=MPEG4)) == set()
    assert targets(compressed(b"\1\2\3\4", transfer_syntax_uid="1.3.6.1.4.1.9.9")) == set()


def test_compressed_pixels_that_call_themselves_uncompressed_stay_as_they_are() -> None:
    assert targets(compressed(b"\1\2\3\4", transfer_syntax_uid=EXPLICIT)) == set()


def test_without_pixels_the_encoding_can_change() -> None:
    content = part10(b"".join(identifiers()))
    assert targets(content) == {DEFLATED}
    no_pixels = part10(b"".join(identifiers()) + element(0xFFFCFFFC, "OB", bytes(4)), str(ImplicitVRLittleEndian))
    assert made(no_pixels, EXPLICIT).endswith(element(0xFFFCFFFC, "OB", bytes(4)))
    assert targets(compressed(b"").replace(b"\xe0\x7f\x10\0", b"\x01\x70\x10\0")) == {EXPLICIT, DEFLATED}


def test_file_meta_information_is_fresh() -> None:
    meta = dcmread(BytesIO(made(compressed(b"\1\2\3\4"), EXPLICIT))).file_meta
    assert (meta.TransferSyntaxUID, meta.MediaStorageSOPInstanceUID) == (EXPLICIT, "1.2.3")


def test_frames_are_decoded_one_behind_the_other() -> None:
    ds = dcmread(BytesIO(made(compressed(b"\1\2\3\4", b"\5\6\7\x08"), EXPLICIT)))
    assert ds.PixelData == _complement(b"\1\2\3\4\5\6\7\x08")
    assert ds["PixelData"].VR == "OB"


def test_frames_are_encoded_as_an_item_each() -> None:
    content = part10_instance(
        KEY, Rows=2, Columns=2, BitsAllocated=8, BitsStored=8, HighBit=7, NumberOfFrames=2, PixelData=bytes(range(8))
    )
    whole = made(content, RLE)
    frames = _complement(bytes(range(8)))
    assert whole.endswith(element(0x7FE00010, "OB", fragments(b"", frames[:4], frames[4:]), length=UNDEFINED))


def test_what_stands_behind_the_pixels_is_kept() -> None:
    signature = sequence(0xFFFAFFFA, item(element(0x04000100, "UI", "1.2.9")))
    ds = dcmread(BytesIO(made(compressed(b"\1\2\3\4", behind=signature), EXPLICIT)))
    assert ds.DigitalSignaturesSequence[0].DigitalSignatureUID == "1.2.9"


def test_what_is_no_data_set_behind_the_pixels_is_left_out() -> None:
    whole = made(compressed(b"\1\2\3\4", behind=b"\x99" * 7), EXPLICIT)
    assert whole.endswith(_complement(b"\1\2\3\4"))


def test_an_icon_is_decoded_with_the_rest() -> None:
    icon = described(2, 2) + element(0x7FE00010, "OB", fragments(b"", b"\x0a\x0b\x0c\x0d"), length=UNDEFINED)
    # behind group 0020 the order would be wrong; in front of it the reader does not mind
    content = compressed(b"\1\2\3\4", before=sequence(0x00081120, item(icon)))
    ds = dcmread(BytesIO(made(content, EXPLICIT)))
    (found,) = ds[0x00081120].value
    assert (found.PixelData, found["PixelData"].VR) == (_complement(b"\x0a\x0b\x0c\x0d"), "OB")


def test_pixels_of_odd_length_are_padded() -> None:
    first, then = identifiers()
    nine = bytes(range(1, 10))
    whole = made(part10(first + then + described(3, 3) + element(0x7FE00010, "OW", nine)), RLE)
    assert whole.endswith(item(_complement(nine) + b"\0") + pack("<HHL", 0xFFFE, 0xE0DD, 0))
    pixels = element(0x7FE00010, "OB", fragments(b"", _complement(nine) + b"\0"), length=UNDEFINED)
    whole = made(part10(first + then + described(3, 3) + pixels, RLE), EXPLICIT)
    assert whole.endswith(pack("<L", 10) + nine + b"\0")


def test_deflated_and_back_is_the_same_data_set() -> None:
    content = part10_instance(KEY, PixelData=bytes(range(128)))
    data_set = content[read_header(BytesSource(content)).data_set_offset :]
    deflated = made(content, DEFLATED)
    offset = read_header(BytesSource(deflated)).data_set_offset
    assert zlib.decompress(deflated[offset:], -zlib.MAX_WBITS) == data_set
    assert (len(deflated) - offset) % 2 == 0
    back = made(deflated, EXPLICIT)
    assert back[read_header(BytesSource(back)).data_set_offset :] == data_set


def test_a_deflated_one_can_be_compressed() -> None:
    content = made(part10_instance(KEY, PixelData=bytes(range(128))), DEFLATED)
    assert dcmread(BytesIO(made(content, RLE))).file_meta.TransferSyntaxUID == RLE


@pytest.mark.parametrize("transfer_syntax_uid", [EXPLICIT, DEFLATED])
def test_a_first_frame_that_cannot_be_decoded_is_told_before_anything_is_given(transfer_syntax_uid: str) -> None:
    first_piece_is_refused(compressed(b"\xbd\2\3\4", b"\1\2\3\4"), transfer_syntax_uid)


def test_a_later_one_breaks_off() -> None:
    objects = InMemoryObjects()
    pieces = transcoder(objects).pieces(stored(objects, compressed(b"\1\2\3\4", b"\xbd\2\3\4")), EXPLICIT)
    sent: list[bytes] = []
    with pytest.raises(Rejected):
        sent.extend(pieces)
    assert b"".join(sent).endswith(_complement(b"\1\2\3\4"))


def test_frames_of_different_sizes_break_off() -> None:
    objects = InMemoryObjects()
    pieces = transcoder(objects).pieces(stored(objects, compressed(b"\1\2\3\4", b"\1\2")), EXPLICIT)
    with pytest.raises(Rejected, match="one size"):
        list(pieces)


def test_a_sequence_that_cannot_be_read_is_refused() -> None:
    broken = element(0x00081140, "SQ", b"\1\2\3\4\5\6\7\x08")
    assert "sequence" in first_piece_is_refused(compressed(b"\1\2\3\4", before=broken), EXPLICIT)


def test_more_than_an_element_can_hold_is_refused() -> None:
    first, then = identifiers()
    pixels = element(0x7FE00010, "OB", fragments(b"", bytes(4)), length=UNDEFINED)
    objects = InMemoryObjects()
    instance = stored(objects, part10(first + then + described(2, 2) + pixels, RLE))

    class Huge(ComplementWorker):
        def decoded(self, frame: Frame) -> Frame:
            return Frame(cast(bytes, _Long(1 << 32)), frame.description)

    transcode = TranscodeInstance(objects, InstanceHeaders(objects), InstancePixels(objects), Huge())
    with pytest.raises(Rejected, match="4 GiB"):
        next(transcode.pieces(instance, EXPLICIT))


class _Long:
    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


def test_a_version_that_is_gone_is_unavailable() -> None:
    objects = InMemoryObjects()
    instance = stored(objects, compressed(b"\1\2\3\4"))
    objects.remove_version("main", instance.key.object_key, instance.version_id)
    with pytest.raises(Unavailable):
        next(transcoder(objects).pieces(instance, EXPLICIT))


def test_closing_early_decodes_no_further() -> None:
    objects = InMemoryObjects()
    instance = stored(objects, compressed(*(bytes([1, 2, 3, number]) for number in range(200))))
    worker = ComplementWorker()
    transcode = TranscodeInstance(objects, InstanceHeaders(objects), InstancePixels(objects), worker)
    pieces = transcode.pieces(instance, EXPLICIT)
    next(pieces)
    pieces.close()
    assert worker.decoded_frames < 100


def test_the_size_is_told_from_the_row_alone() -> None:
    objects = InMemoryObjects()
    content = compressed(b"\1\2\3\4", b"\5\6\7\x08")
    instance = stored(objects, content)
    objects.available = False
    size_bytes = transcoder(objects).size_bytes(instance, EXPLICIT)
    assert size_bytes is not None
    assert abs(size_bytes - len(made(content, EXPLICIT))) < 200
    assert transcoder(objects).size_bytes(instance, RLE) is None
    assert transcoder(objects).size_bytes(replace(instance, pixel_layout=b""), EXPLICIT) is None
    assert transcoder(objects).size_bytes(replace(instance, pixel_layout=NO_LAYOUT), EXPLICIT) == instance.size_bytes


ICON = sequence(
    0x00081120, item(described(2, 2) + element(0x7FE00010, "OB", fragments(b"", b"\1\2\3\4"), length=UNDEFINED))
)
SEEDS = (
    compressed(b"\1\2\3\4", b"\5\6\7\x08", before=ICON, behind=sequence(0xFFFAFFFA, item(b""))),
    _recoded_by_pydicom(ImplicitVRLittleEndian),
    _recoded_by_pydicom(ExplicitVRBigEndian),
    made(part10_instance(KEY), DEFLATED),
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(140, 2000), st.integers(0, 255)), max_size=4))
def test_broken_bytes_make_a_file_or_a_refusal(seed: bytes, changes: list[tuple[int, int]]) -> None:
    content = bytearray(seed)
    for place, value in changes:
        content[place % len(content)] = value
    objects = InMemoryObjects()
    try:
        instance = stored(objects, bytes(content))
    except Rejected:
        return  # the doors refuse it
    for target in (EXPLICIT, DEFLATED, RLE):
        with suppress(Rejected, Unavailable):
            assert b"".join(transcoder(objects).pieces(instance, target))[128:132] == b"DICM"


class LargeObject(InMemoryObjects):
    """One object that is mostly zeros, which nobody holds."""

    def __init__(self, beginning: bytes, size_bytes: int) -> None:
        super().__init__()
        self.beginning = beginning
        self.size_bytes = size_bytes

    def read_range(self, first: int, last: int) -> bytes:
        return self.beginning[first : last + 1].ljust(min(last + 1, self.size_bytes) - first, b"\0")

    def read(
        self, space: str, object_key: str, *, first: int = 0, last: int | None = None, version_id: str | None = None
    ) -> tuple[StoredObject, bytes] | None:
        metadata: Mapping[str, str] = {}
        found = StoredObject("1", "", self.size_bytes, START, dict(metadata))
        return found, self.read_range(first, self.size_bytes - 1 if last is None else last)


LARGE = 300 * MiB


def large(transfer_syntax_uid: str) -> tuple[LargeObject, Instance]:
    """300 frames of a MiB each, native."""
    small = dcmread(
        BytesIO(
            part10_instance(KEY, Rows=1024, Columns=1024, NumberOfFrames=300, BitsAllocated=8, BitsStored=8, HighBit=7)
        )
    )
    small.PixelData = bytes(2)
    written = BytesIO()
    small.file_meta.TransferSyntaxUID = transfer_syntax_uid
    dcmwrite(
        written,
        small,
        implicit_vr=transfer_syntax_uid == ImplicitVRLittleEndian,
        little_endian=transfer_syntax_uid != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    order = ">" if transfer_syntax_uid == ExplicitVRBigEndian else "<"
    beginning = written.getvalue()[:-6] + pack(f"{order}L", LARGE)
    objects = LargeObject(beginning, len(beginning) + LARGE)
    layout = read_outline(objects).pixel_layout
    assert layout
    instance = replace(
        stored(InMemoryObjects(), part10_instance(KEY)), size_bytes=objects.size_bytes, pixel_layout=layout.packed()
    )
    arrival = replace(instance.arrival, transfer_syntax_uid=transfer_syntax_uid)
    return objects, replace(instance, arrival=arrival, version_id="1")


@pytest.mark.parametrize(
    ("stored_as", "target"),
    [
        (ImplicitVRLittleEndian, EXPLICIT),
        (ExplicitVRBigEndian, EXPLICIT),
        (ExplicitVRLittleEndian, DEFLATED),
        (ExplicitVRLittleEndian, RLE),
    ],
)
def test_memory_stays_flat_whatever_the_size(stored_as: str, target: str) -> None:
    objects, instance = large(stored_as)
    tracemalloc.start()
    size_bytes = sum(map(len, transcoder(objects).pieces(instance, target)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size_bytes > LARGE or target == DEFLATED
    assert peak < 100 * MiB
