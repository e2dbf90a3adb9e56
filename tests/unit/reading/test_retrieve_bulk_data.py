"""Every BulkDataURI that the metadata gives out leads to its value, by ranges, in little endian."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from imaging.dicom.byte_source import BytesSource
from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.outline import read_outline
from imaging.errors import Rejected, RejectReason
from imaging.reading.bulk_data_value import BulkDataValue
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.retrieve_bulk_data import RetrieveBulkData
from tests.fakes import InMemoryObjects
from tests.unit.dicom.files import UNDEFINED, element, item, pydicom_file, sequence
from tests.unit.dicom.pixel_files import (
    DELIMITER,
    encapsulated_file,
    frame,
    image_attributes,
    image_file,
    native_element,
)
from tests.unit.reading.stored_instances import CountingObjects, stored_instance

KiB = 1024
MiB = 1024 * KiB
LONG = bytes(range(256)) * 400
VIDEO = "1.2.840.10008.1.2.4.102"


def retrieving(objects: InMemoryObjects) -> RetrieveBulkData:
    return RetrieveBulkData(objects, InstanceHeaders(objects), InstancePixels(objects))


def find(content: bytes, path: str) -> BulkDataValue:
    objects = InMemoryObjects()
    return retrieving(objects).find(stored_instance(objects, content), path)


def links(attributes: Mapping[str, Any]) -> Iterator[str]:
    for attribute in attributes.values():
        if "BulkDataURI" in attribute:
            yield attribute["BulkDataURI"]
        for value in attribute.get("Value", []) if attribute["vr"] == "SQ" else []:
            yield from links(value)


@pytest.mark.parametrize(
    "name",
    [
        "examples_overlay.dcm",
        "examples_palette.dcm",
        "waveform_ecg.dcm",
        "CT_small.dcm",
        "rtdose_expb.dcm",
        "image_dfl.dcm",
    ],
)
def test_every_link_of_the_metadata_leads_to_the_value_that_pydicom_reads(name: str) -> None:
    content = pydicom_file(name)
    outline = read_outline(BytesSource(content))
    uris = list(links(to_dicom_json(outline.header, further=outline.further)))
    assert uris
    ds = dcmread(BytesIO(content))
    for uri in uris:
        path = uri.removeprefix("bulkdata/")
        value = find(content, path)
        expected = ds
        *way, tag = path.split("/")
        for tag_of_sequence, number in zip(way[::2], way[1::2], strict=True):
            expected = expected[int(tag_of_sequence, 16)].value[int(number)]
        found = b"".join(value.stream())
        raw = expected[int(tag, 16)].value
        if name == "rtdose_expb.dcm":
            raw = np.frombuffer(raw, ">u2").astype("<u2").tobytes()
        assert found == raw
        assert value.size_bytes == len(raw)


def test_just_the_value_is_read() -> None:
    objects = CountingObjects()
    content = image_file(image_attributes(1024, 1024, frames=20), native_element(frame(1, 20 * MiB), "OB"))
    instance = stored_instance(objects, content)
    value = retrieving(objects).find(instance, "7FE00010")
    assert not objects.reads
    assert b"".join(value.stream()) == frame(1, 20 * MiB)
    assert objects.bytes_read == value.size_bytes
    objects.reads.clear()
    assert b"".join(value.stream(100, 199)) == frame(1, 20 * MiB)[100:200]
    assert [size_bytes for _, _, size_bytes in objects.reads] == [100]


@given(st.integers(0, 1023), st.integers(0, 1100))
def test_any_range_of_a_big_endian_value_is_that_of_the_whole(first: int, last: int) -> None:
    value = find(BIG_ENDIAN, "7FE00010")
    whole = b"".join(value.stream())
    assert b"".join(value.stream(first, last)) == whole[first : last + 1]


BIG_ENDIAN = pydicom_file("rtdose_expb.dcm")


def test_a_value_in_an_item_is_found_long_or_short() -> None:
    before = sequence(0x00091001, item(b""), item(element(0x00091002, "OB", LONG) + element(0x00091003, "UN", b"ab")))
    content = image_file(image_attributes(), native_element(bytes(16)), before=before)
    assert b"".join(find(content, "00091001/1/00091002").stream()) == LONG
    assert b"".join(find(content, "00091001/1/00091003").stream()) == b"ab"
    assert find(content, "00091001/1/00091002").vr == "OB"


def test_values_behind_the_pixels_and_the_offset_table_are_found() -> None:
    trailing = element(0x7FE10010, "LO", "OURS") + element(0x7FE11001, "OB", LONG)
    content = encapsulated_file([frame(n, 20) for n in range(1_000)], extended_offset_table=True, trailing=trailing)
    assert b"".join(find(content, "7fe11001").stream()) == LONG
    assert find(content, "7FE00001").size_bytes == 8_000


def test_compressed_pixels_are_left_to_be_sent_as_frames() -> None:
    value = find(encapsulated_file([frame(1), frame(2)]), "7FE00010")
    assert value.is_in_frames
    assert value.transfer_syntax_uid == "1.2.840.10008.1.2.4.50"


def test_a_video_is_one_stream_without_its_item_headers() -> None:
    content = encapsulated_file([frame(1, 90_000)], fragments_per_frame=3, transfer_syntax_uid=VIDEO)
    value = find(content, "7FE00010")
    assert not value.is_in_frames
    assert b"".join(value.stream()) == frame(1, 90_000)
    assert b"".join(value.stream(29_990, 60_010)) == frame(1, 90_000)[29_990:60_011]


def test_a_compressed_icon_is_its_codestream() -> None:
    icon = element(0x7FE00010, "OB", item(b"") + item(frame(7)) + DELIMITER, length=UNDEFINED)
    content = encapsulated_file([frame(1)], before=sequence(0x00091001, item(icon)))
    assert b"".join(find(content, "00091001/0/7FE00010").stream()) == frame(7)


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "7FE0001", "bulkdata/7FE00010", "00091001", "00091001/0", "00091001/2/00091002", "00080018"),
        *("00091001/-1/00091002", "00091001/1/00091002/0", "00080018/0/00091002", "7FE00009", "FFFFFFFF", "00020001"),
        *(
            "../7FE00010",
            "00091001/1/00091002/",
            "00091001/999999999/00091002",
            "/".join(["00091001", "0"] * 99 + ["1" * 8]),
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    before = sequence(0x00091001, item(b""), item(element(0x00091002, "OB", LONG)))
    with pytest.raises(Rejected) as refused:
        find(image_file(image_attributes(), native_element(bytes(16)), before=before), path)
    assert refused.value.reason is RejectReason.NO_SUCH_RESOURCE


def test_pixels_that_there_are_not_are_refused() -> None:
    with pytest.raises(Rejected) as refused:
        find(pydicom_file("rtplan.dcm"), "7FE00010")
    assert refused.value.reason is RejectReason.NO_SUCH_RESOURCE


@pytest.mark.parametrize("is_indexed", [True, False])
def test_an_instance_is_opened_once_for_all_of_its_values(is_indexed: bool) -> None:
    values = [bytes([place]) * 6_000 for place in range(200)]
    items = [item(element(0x00091002, "OB", value)) for value in values]
    before = sequence(0x00091001, *items) + b"".join(
        element(0x00111001 + place, "OB", bytes([place]) * 60_000) for place in range(200)
    )
    assert len(before) > 8 * MiB  # a header that is not kept
    trailing = b"".join(element(0x7FE11001 + place, "OB", LONG) for place in range(9))
    objects = CountingObjects()
    content = encapsulated_file([frame(1)], before=before, trailing=trailing)
    instance = stored_instance(objects, content, indexed=is_indexed)
    paths = [
        *(f"00091001/{place}/00091002" for place in range(200)),
        *(f"{0x00111001 + place:08X}" for place in range(200)),
        *("7FE00010", *(f"{0x7FE11001 + place:08X}" for place in range(9))),
    ]
    found = dict(retrieving(objects).find_all(instance, paths))
    assert list(found) == paths
    assert objects.bytes_read < 3.2 * len(content)
    for place, value in enumerate(values):
        assert b"".join(found[f"00091001/{place}/00091002"].stream()) == value
        assert b"".join(found[f"{0x00111001 + place:08X}"].stream()) == bytes([place]) * 60_000
    assert found["7FE00010"].is_in_frames
    assert b"".join(found["7FE11009"].stream()) == LONG


def test_a_value_that_there_is_not_is_refused_in_its_place() -> None:
    objects = InMemoryObjects()
    before = element(0x00091001, "OB", LONG)
    instance = stored_instance(objects, image_file(image_attributes(), native_element(bytes(16)), before=before))
    found = retrieving(objects).find_all(instance, ["00091001", "00091002"])
    assert next(found)[0] == "00091001"
    with pytest.raises(Rejected):
        next(found)
