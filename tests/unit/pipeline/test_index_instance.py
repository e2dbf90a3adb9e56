"""What stage 2 reads of an object, and what it makes of what is none."""

import gzip
import json
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.model.identifiers import InstanceKey
from imaging.model.instance import LAYOUT_BESIDE, NO_LAYOUT, Action
from imaging.pipeline.index_instance import IndexInstance
from imaging.reading.pixel_layouts import PixelLayouts
from tests.fakes import Clock, InMemoryObjects
from tests.instances import part10_instance
from tests.unit.dicom.files import element, identifiers, item, part10, sequence
from tests.unit.dicom.pixel_files import encapsulated_file, frame

KEY = InstanceKey("main", "1.2.3", "1.2.3.4", "1.2.3.4.5")
PIXEL_DATA = bytes(4_000_000)
READ_AHEAD_BYTES = 64 * 1024


def named(content: bytes) -> bytes:
    """A file of `tests.unit.dicom.pixel_files` under the identifiers of `KEY`."""
    first, then = identifiers()
    our_first, our_then = identifiers(
        study=KEY.study_instance_uid, series=KEY.series_instance_uid, instance=KEY.sop_instance_uid
    )
    return content.replace(first, our_first).replace(then, our_then)


class CountingObjects(InMemoryObjects):
    """Counts the bytes that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_read = 0

    def read(self, space, object_key, **of):
        found = super().read(space, object_key, **of)
        self.bytes_read += len(found[1]) if found else 0
        return found


class Rows:
    """The rows of an index without rivals."""

    def __init__(self) -> None:
        self.rows = {}

    def read_instance(self, key):
        return self.rows.get(key)

    def record_changes(self, changes, at):
        self.rows |= {change.after.key: change.after for change in changes}
        return []


def with_header_of(header_bytes: int, *, undefined_length: bool) -> bytes:
    """An instance whose Pixel Data begins after about so many bytes."""
    item = Dataset()
    item.add_new(0x00091001, "LO", "x" * 60)
    items = [item] * (header_bytes // 80)
    ds = dcmread(BytesIO(part10_instance(KEY, PixelData=PIXEL_DATA)))
    ds.add_new(0x00091002, "SQ", Sequence(items))
    ds[0x00091002].is_undefined_length = undefined_length
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("undefined_length", [False, True])
@pytest.mark.parametrize("header_bytes", [1_000, 64_000, 66_000, 130_000, 1_000_000])
def test_reads_no_more_than_the_header_and_64_kib(header_bytes, undefined_length):
    part10 = with_header_of(header_bytes, undefined_length=undefined_length)
    header_end = part10.rindex(PIXEL_DATA)
    objects, rows = CountingObjects(), Rows()
    objects.put("main", KEY.object_key, part10)

    assert IndexInstance(objects, rows, Clock())([KEY]) == {}

    assert rows.rows[KEY].size_bytes == len(part10)
    assert objects.bytes_read <= header_end + READ_AHEAD_BYTES
    assert objects.bytes_read < len(part10) / 2 or header_bytes > 1_000_000


def test_sets_aside_what_is_not_dicom_and_finds_what_was_there_before():
    objects, rows = InMemoryObjects(), Rows()
    index = IndexInstance(objects, rows, Clock())
    objects.put("main", KEY.object_key, part10_instance(KEY))
    index([KEY])
    objects.put("main", KEY.object_key, b"rubbish" * 100)

    assert index([KEY]) == {}

    assert rows.rows[KEY].action is Action.CREATE
    (aside,) = objects.keys(prefix="quarantine/")
    assert "DICM" in objects.head("main", aside).metadata["reason"]


def test_sets_aside_an_instance_under_the_key_of_another():
    other = InstanceKey("main", "1.2.3", "1.2.3.4", "1.2.3.4.6")
    objects, rows = InMemoryObjects(), Rows()
    objects.put("main", other.object_key, part10_instance(KEY))

    assert IndexInstance(objects, rows, Clock())([other]) == {}

    assert rows.rows == {}
    assert objects.keys() == [f"quarantine/{other.object_key}"]


def test_names_indexed_values_that_break_their_vr_or_are_too_long_for_a_row():
    content = part10(
        identifiers(study=KEY.study_instance_uid)[0]
        + element(0x00080020, "DA", "yesterday")
        + element(0x00080021, "DA", "2026")
        + element(0x00080030, "TM", "")
        + element(0x00081030, "LO", "x" * 10_000)
        + element(0x00189073, "FD", b"\1\2")
        + element(0x0020000D, "UI", KEY.study_instance_uid)
        + element(0x0020000E, "UI", KEY.series_instance_uid)
        + element(0x00200011, "IS", "first")
        + sequence(0x00400275, item(element(0x00400002, "DA", "noon")))
    ).replace(*(identifiers(instance=uid)[0] for uid in ("1.2.3", KEY.sop_instance_uid)))
    objects, rows = InMemoryObjects(), Rows()
    objects.put("main", KEY.object_key, content)

    assert IndexInstance(objects, rows, Clock())([KEY]) == {}

    assert rows.rows[KEY].unreadable == ("00080020", "00081030", "00080021", "00200011")
    assert rows.rows[KEY].too_long == ("00081030",)
    assert rows.rows[KEY].partial_dates == {"00080021": {"vr": "DA", "Value": ["2026"]}}
    assert not rows.rows[KEY].attributes.keys() & set(rows.rows[KEY].unreadable)


class GetsOfObjects(CountingObjects):
    """Counts requests too."""

    def __init__(self) -> None:
        super().__init__()
        self.gets = 0

    def read(self, space, object_key, **of):
        self.gets += 1
        return super().read(space, object_key, **of)


@pytest.mark.parametrize(
    ("content", "gets"),
    [
        (part10_instance(KEY), 1),
        (part10_instance(KEY, PixelData=PIXEL_DATA), 1),
        (named(encapsulated_file([frame(1, 1_000_000)])), 1),
        (named(encapsulated_file([frame(1, 1_000_000)], basic_offset_table=False)), 1),
        (named(encapsulated_file([frame(number, 300_000) for number in range(10)])), 2),
        (named(encapsulated_file([frame(number, 20) for number in range(2_000)])), 1),
    ],
)
def test_where_frames_lie_is_written_down_without_further_reads_in_the_usual_case(content: bytes, gets: int) -> None:
    objects, rows = GetsOfObjects(), Rows()
    objects.put("main", KEY.object_key, content)
    assert IndexInstance(objects, rows, Clock())([KEY]) == {}
    assert objects.gets == gets
    instance = rows.rows[KEY]
    objects.gets = 0
    layout = PixelLayouts(objects).of(instance)
    assert layout.has_frames
    assert objects.gets == (instance.pixel_layout == LAYOUT_BESIDE)


def test_an_instance_without_pixels_says_so_in_its_row() -> None:
    objects, rows = InMemoryObjects(), Rows()
    objects.put("main", KEY.object_key, part10_instance(KEY, PixelData=None))
    assert IndexInstance(objects, rows, Clock())([KEY]) == {}
    assert rows.rows[KEY].pixel_layout == NO_LAYOUT


def test_metadata_has_what_stands_behind_the_pixels() -> None:
    objects, kept = InMemoryObjects(), []

    class Keeping(Rows):
        def record_changes(self, changes, at):
            kept.extend(change.metadata for change in changes)
            return super().record_changes(changes, at)

    ds = dcmread(BytesIO(part10_instance(KEY)))
    ds.add_new(0xFFFCFFFC, "OB", b"\0\0")
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    objects.put("main", KEY.object_key, file.getvalue())
    assert IndexInstance(objects, Keeping(), Clock())([KEY]) == {}
    metadata = json.loads(gzip.decompress(kept[0]))
    assert metadata["FFFCFFFC"] == {"vr": "OB", "InlineBinary": "AAA="}
    assert metadata["7FE00010"]["vr"] == "OW"
