"""Headers are read again with all of their values, and kept."""

import zlib
from io import BytesIO
from struct import pack

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement

from imaging.dicom.header import BytesSource, read_header
from imaging.errors import Rejected, RejectReason
from imaging.reading.instance_header import InstanceHeaders
from tests.fakes import InMemoryObjects
from tests.unit.dicom.files import DEFLATED, UNDEFINED, element, item, part10, pydicom_file, sequence
from tests.unit.dicom.pixel_files import (
    DELIMITER,
    encapsulated_file,
    frame,
    image_attributes,
    image_file,
    native_element,
)
from tests.unit.reading.stored_instances import CountingObjects, stored_instance

LONG = bytes(range(256)) * 400
LONGER = bytes(reversed(LONG)) * 2


def raw(ds: Dataset, tag: int) -> RawDataElement:
    found = dict(ds.items())[tag]  # type: ignore[index]
    assert isinstance(found, RawDataElement)
    return found


def with_long_values() -> bytes:
    icon = element(0x7FE00010, "OB", item(b"") + item(frame(7)) + item(frame(8)) + DELIMITER, length=UNDEFINED)
    before = (
        element(0x00091001, "OB", LONG)
        + sequence(0x00091002, item(element(0x00091003, "OW", LONGER)), undefined_length=True)
        + sequence(0x00091004, item(icon))
    )
    return image_file(image_attributes(), native_element(bytes(16)), before=before)


def test_a_header_says_what_is_before_the_pixels_without_its_long_values() -> None:
    objects = CountingObjects()
    instance = stored_instance(objects, with_long_values())
    header = InstanceHeaders(objects).header(instance)
    assert header.sop_instance_uid == "1.2.3"
    assert raw(header.data_set, 0x00091001).value is None
    assert 0x7FE00010 not in header.data_set


def test_a_data_set_has_all_values_at_every_depth() -> None:
    objects = CountingObjects()
    instance = stored_instance(objects, with_long_values())
    ds = InstanceHeaders(objects).data_set(instance)
    assert raw(ds, 0x00091001).value == LONG
    assert raw(ds[0x00091002].value[0], 0x00091003).value == LONGER
    icon = raw(ds[0x00091004].value[0], 0x7FE00010)
    assert icon.value == item(b"") + item(frame(7)) + item(frame(8))
    assert icon.length == UNDEFINED


@pytest.mark.parametrize(
    "name", ["examples_palette.dcm", "examples_overlay.dcm", "waveform_ecg.dcm", "image_dfl.dcm", "rtdose_expb.dcm"]
)
def test_a_data_set_is_the_one_pydicom_reads(name: str) -> None:
    objects = InMemoryObjects()
    content = pydicom_file(name)
    ds = InstanceHeaders(objects).data_set(stored_instance(objects, content))
    expected = dcmread(BytesIO(content))
    assert list(ds.keys()) == [tag for tag in dict(expected.items()) if tag.group < 0x7FE0 and tag.element]
    assert all(ds[tag] == expected[tag] for tag in dict(ds.items()))


def test_a_deflated_data_set_has_its_long_values() -> None:
    plain = with_long_values()
    data_set = plain[read_header(BytesSource(plain)).data_set_offset :]
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    objects = InMemoryObjects()
    instance = stored_instance(objects, part10(deflater.compress(data_set) + deflater.flush(), DEFLATED))
    ds = InstanceHeaders(objects).data_set(instance)
    assert raw(ds, 0x00091001).value == LONG
    assert raw(ds[0x00091002].value[0], 0x00091003).value == LONGER


def test_what_was_read_is_kept_and_each_caller_has_a_copy() -> None:
    objects = CountingObjects()
    instance = stored_instance(objects, with_long_values())
    headers = InstanceHeaders(objects)
    first = headers.data_set(instance)
    reads = len(objects.reads)
    assert first.Rows == 4  # pydicom converts it in its place
    first[0x00091002].value[0].PatientName = "Other"
    second = headers.data_set(instance)
    assert len(objects.reads) == reads
    assert isinstance(dict(second.items())[0x00280010], RawDataElement)  # type: ignore[index]
    assert "PatientName" not in second[0x00091002].value[0]


def test_trailing_elements_are_read_with_their_values() -> None:
    objects = CountingObjects()
    trailing = element(0x7FE10010, "LO", "OURS") + element(0x7FE11001, "OB", LONG)
    instance = stored_instance(objects, encapsulated_file([frame(1)], trailing=trailing))
    found = InstanceHeaders(objects).trailing(instance)
    assert raw(found, 0x7FE11001).value == LONG
    nothing = stored_instance(objects, encapsulated_file([frame(1)]))
    assert len(InstanceHeaders(objects).trailing(nothing)) == 0


def test_values_beyond_all_use_are_refused() -> None:
    objects = InMemoryObjects()
    before = b"".join(element(0x00091001 + place, "OB", bytes(23 * 1024 * 1024)) for place in range(3))
    instance = stored_instance(objects, image_file(image_attributes(), native_element(bytes(16)), before=before))
    headers = InstanceHeaders(objects)
    assert headers.header(instance).sop_instance_uid == "1.2.3"
    with pytest.raises(Rejected, match="over 64 MiB") as refused:
        headers.data_set(instance)
    assert refused.value.reason is RejectReason.NOT_ACCEPTABLE


def test_neighbouring_long_values_are_read_together() -> None:
    objects = CountingObjects()
    before = b"".join(element(0x00281201 + place, "OW", pack("<H", place) * 35_000) for place in range(3))
    instance = stored_instance(objects, image_file(image_attributes(), native_element(bytes(200_000)), before=before))
    ds = InstanceHeaders(objects).data_set(instance)
    assert [raw(ds, 0x00281201 + place).value for place in range(3)] == [pack("<H", n) * 35_000 for n in range(3)]
    reads_of_header = len(objects.reads) - 1
    objects.reads.clear()
    InstanceHeaders(objects).header(instance)
    assert len(objects.reads) == reads_of_header
