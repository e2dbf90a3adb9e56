"""Store requests of metadata and bulk data, PS3.18 Section 10.5.1."""

import io
import json
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import generate_frames

from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.pixel_data import check_pixel_data
from imaging.dicomweb.media_types import DICOM_JSON, DICOM_XML
from imaging.dicomweb.metadata_request import MetadataAssembly
from imaging.dicomweb.multipart import Part, spool
from imaging.errors import Rejected, RejectReason
from tests.unit.dicomweb.metadata_parts import (
    INSTANCE,
    PIXEL_DATA_ELSEWHERE,
    bulk_part,
    files,
    json_part,
    octets,
    only_file,
    only_refusal,
    outcomes,
    real,
    split,
    xml_part,
)

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
# pydicom cannot make JSON of the one, and takes the preamble of the other for data:
LEFT_OUT = {"badVR.dcm", "no_meta.dcm"}
SYNTAX = "1.2.840.10008.1.2.4."


def instance(number: int, uri: str = "http://x/bulk/{}") -> dict[str, Any]:
    uid = {"00080018": {"vr": "UI", "Value": [f"1.2.3.{number}"]}}
    return INSTANCE | uid | {"7FE00010": {"vr": "OW", "BulkDataURI": uri.format(number)}}


def real_names() -> list[str]:
    return sorted(path.name for path in FOLDER.glob("*.dcm") if path.name not in LEFT_OUT)


@pytest.mark.filterwarnings("ignore")  # pydicom's, of what is wrong in its own files
@pytest.mark.parametrize("name", real_names())
def test_a_real_file_comes_together_again(name: str) -> None:
    ds = pydicom.dcmread(FOLDER / name, force=True)
    metadata, elsewhere = split(ds)
    syntax = getattr(ds, "file_meta", {}).get("TransferSyntaxUID")
    if syntax is not None and syntax.is_encapsulated and "PixelData" in ds:
        metadata["00020010"] = {"vr": "UI", "Value": [str(syntax)]}
    again = only_file(json_part(metadata), *octets(elsewhere))
    again.SpecificCharacterSet = ds.get("SpecificCharacterSet")
    for element in ds:
        if element.tag.group >= 8 and element.tag.element and not element.tag.is_private_creator:
            assert again[element.tag].value == element.value, element.tag


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_ybr_color.dcm", "waveform_ecg.dcm"])
def test_our_own_reader_reads_the_whole_file(name: str) -> None:
    metadata, elsewhere = split(real(name))
    (content,) = outcomes(json_part(metadata), *octets(elsewhere))
    assert isinstance(content, bytes)
    header = read_header(BytesSource(content))
    check_pixel_data(BytesSource(content), header)


def test_the_same_request_twice_makes_the_same_bytes() -> None:
    metadata, elsewhere = split(real("CT_small.dcm"))
    first, again = (outcomes(json_part(metadata), *octets(elsewhere)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("location", ["http://x/bulk/1", "http://x/bulk/1/frames/{}"])
def test_uncompressed_frames_may_come_one_by_one(location: str) -> None:
    numbers = {"00280010": 2, "00280011": 2, "00280100": 16}
    image = {tag: {"vr": "US", "Value": [number]} for tag, number in numbers.items()}
    frames = {"00280008": {"vr": "IS", "Value": ["3"]}}
    parts = (bulk_part(bytes([number] * 8), location.format(number)) for number in (1, 2, 3))
    again = only_file(json_part(INSTANCE | PIXEL_DATA_ELSEWHERE | image | frames), *parts)
    assert again.PixelData == bytes([1] * 8 + [2] * 8 + [3] * 8)


def test_frames_come_in_any_order_under_their_own_locations() -> None:
    metadata = INSTANCE | PIXEL_DATA_ELSEWHERE | {"00280008": {"vr": "IS", "Value": ["3"]}}
    parts = (bulk_part(b"%d" % number * 2, f"bulk/1/frames/{number}", "image/jls") for number in (3, 1, 1, 9, 2))
    again = only_file(json_part(metadata), *parts)
    assert list(generate_frames(again.PixelData, number_of_frames=3)) == [b"11", b"22", b"33"]


@pytest.mark.parametrize(
    ("media_type", "content"),
    [("application/pdf", b"%PDF-1.7"), ("text/xml", b"<ClinicalDocument/>"), ("model/stl", b"solid"), ("", b"?")],
)
def test_a_document_is_encapsulated_and_padded(media_type: str, content: bytes) -> None:
    document = {"00420011": {"vr": "OB", "BulkDataURI": "doc"}}
    again = only_file(json_part(INSTANCE | document), bulk_part(content, "doc", media_type))
    assert again.EncapsulatedDocument == content + b"\0" * (len(content) % 2)
    assert again.get("MIMETypeOfEncapsulatedDocument", "") == media_type
    assert again.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_the_kind_of_document_that_the_metadata_gives_stays() -> None:
    document = {
        "00420011": {"vr": "OB", "BulkDataURI": "doc"},
        "00420012": {"vr": "LO", "Value": ["application/pdf"]},
    }
    again = only_file(json_part(INSTANCE | document), bulk_part(b"%P", "doc", "application/x-pdf"))
    assert again.MIMETypeOfEncapsulatedDocument == "application/pdf"


def test_xml_makes_the_same_instance_as_json() -> None:
    attributes = "".join(
        f'<DicomAttribute tag="{tag}" vr="UI"><Value number="1">{INSTANCE[tag]["Value"][0]}</Value></DicomAttribute>'
        for tag in INSTANCE
    )
    name = "<PersonName><Alphabetic><FamilyName>Ä</FamilyName></Alphabetic></PersonName>"
    xml = (
        f'<NativeDicomModel>{attributes}<DicomAttribute tag="00100010" vr="PN">{name}</DicomAttribute>'
        '<DicomAttribute tag="00280010" vr="US"><Value number="1">2</Value></DicomAttribute>'
        '<DicomAttribute tag="7FE00010" vr="OW"><BulkData uri="1"/></DicomAttribute></NativeDicomModel>'
    )
    others = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Ä"}]},
        "00280010": {"vr": "US", "Value": [2]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "1"},
    }
    from_xml, from_json = (
        outcomes(metadata, bulk_part(b"ab", "1")) for metadata in (xml_part(xml), json_part(INSTANCE | others))
    )
    assert isinstance(from_xml[0], bytes)
    assert from_xml == from_json


def test_each_instance_is_given_as_soon_as_its_bulk_data_is_there() -> None:
    with MetadataAssembly() as assembly:
        assert list(assembly.add(json_part(instance(1), instance(2)))) == []
        (second,) = assembly.add(bulk_part(b"22", "http://x/bulk/2"))
        (first,) = assembly.add(bulk_part(b"11", "http://x/bulk/1"))
        assert list(assembly.finish()) == []
    assert not isinstance(first, Rejected)
    assert not isinstance(second, Rejected)
    with first, second:
        assert pydicom.dcmread(first).PixelData == b"11"
        assert pydicom.dcmread(second).PixelData == b"22"


def test_an_instance_without_bulk_data_is_given_at_once() -> None:
    single = Part(DICOM_JSON, io.BytesIO(json.dumps(INSTANCE).encode()))
    assert only_file(single).SOPInstanceUID == "1.2.3"


def test_one_part_may_serve_several_instances() -> None:
    same = [instance(number, "http://x/same") for number in range(3)]
    assert [ds.PixelData for ds in files(json_part(*same), bulk_part(b"pp", "http://x/same"))] == [b"pp"] * 3


def test_an_instance_waits_for_all_its_bulk_data() -> None:
    palettes = {"00281201": {"vr": "OW", "BulkDataURI": "red"}, "00281202": {"vr": "OW", "BulkDataURI": "green"}}
    metadata = json_part(INSTANCE | PIXEL_DATA_ELSEWHERE | palettes)
    parts = [bulk_part(b"rr", "red"), bulk_part(b"pp"), bulk_part(b"again"), bulk_part(b"??", "nobody's")]
    again = only_file(metadata, *parts, bulk_part(b"gg", "green"), bulk_part(b"late", "green"))
    assert (again.PixelData, again[0x00281201].value, again[0x00281202].value) == (b"pp", b"rr", b"gg")
    assert all(part.content.closed for part in parts)


def test_an_instance_whose_bulk_data_is_missing_is_refused_and_the_others_are_not() -> None:
    frames = {"00280008": {"vr": "IS", "Value": ["2"]}}
    found = outcomes(
        json_part(instance(1), instance(2) | frames, instance(3)),
        bulk_part(b"33", "http://x/bulk/3"),
        bulk_part(b"22", "http://x/bulk/2", "image/jls"),
    )
    assert isinstance(found[0], bytes)
    refused = [outcome for outcome in found if isinstance(outcome, Rejected)]
    assert [(one.reason, one.sop_instance_uid) for one in refused] == [
        (RejectReason.TRUNCATED, "1.2.3.1"),
        (RejectReason.TRUNCATED, "1.2.3.2"),
    ]
    assert all("(7FE0,0010)" in str(one) for one in refused)


def test_a_broken_data_set_fails_that_instance_only() -> None:
    broken = INSTANCE | {"00280010": {"vr": "US", "Value": ["many"]}}
    bad, good = outcomes(json_part(broken, INSTANCE))
    assert isinstance(bad, Rejected)
    assert (bad.reason, bad.sop_instance_uid) == (RejectReason.NOT_DICOM, "1.2.3")
    assert isinstance(good, bytes)
    assert only_refusal(xml_part("<html/>")).reason is RejectReason.NOT_DICOM


def test_missing_uids_are_left_to_the_store() -> None:
    (content,) = outcomes(json_part({"00100020": {"vr": "LO", "Value": ["x"]}, "00080018": {"vr": "UI"}}))
    assert isinstance(content, bytes)
    with pytest.raises(Rejected):
        read_header(BytesSource(content)).sop_instance_uid  # noqa: B018


@pytest.mark.parametrize(
    "metadata",
    [b"", b"not JSON", b"5", b'"x"', b"[", b"[" * 100_000, b"\xff\xfe", b"[{}" + b",1" * 10, b"[" + b"9" * 5000 + b"]"],
)
def test_metadata_that_is_no_json_fails_the_request(metadata: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        outcomes(Part(DICOM_JSON, io.BytesIO(metadata)))
    assert refused.value.reason is RejectReason.MALFORMED_REQUEST


@pytest.mark.parametrize(
    "metadata", [b"[" + b" " * (16 << 20) + b"]", b"[" + b"{}," * 1_000_000 + b"{}]", b"[" + b"{}," * 50_000 + b"{}]"]
)
def test_metadata_that_would_fill_the_memory_fails_the_request(metadata: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        outcomes(Part(DICOM_JSON, io.BytesIO(metadata)))
    assert refused.value.reason is RejectReason.TOO_LARGE


def test_a_part_without_content_type_is_metadata_or_bulk_data_by_its_location() -> None:
    metadata = Part("", io.BytesIO(json.dumps([instance(1)]).encode()))
    assert only_file(metadata, Part("", io.BytesIO(b"pp"), {}, "bulk/1")).PixelData == b"pp"
    xml = b'<NativeDicomModel><DicomAttribute tag="00100020" vr="LO"/></NativeDicomModel>'
    (content,) = outcomes(Part("", io.BytesIO(xml)), root_type=DICOM_XML)
    assert isinstance(content, bytes)


@pytest.mark.parametrize("number_of_frames", [1, 4])
def test_bulk_data_of_64_mb_is_assembled_in_constant_memory(number_of_frames: int) -> None:
    frames = {"00280008": {"vr": "IS", "Value": [number_of_frames]}}
    tracemalloc.start()
    with MetadataAssembly() as assembly:
        list(assembly.add(json_part(INSTANCE | PIXEL_DATA_ELSEWHERE | frames)))
        for _ in range(number_of_frames):
            found = list(assembly.add(zeros(64 << 20, number_of_frames)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not isinstance(found[0], Rejected)
    with found[0] as file:
        assert file.seek(0, os.SEEK_END) > 64 << 20
    assert peak < 16 << 20


def zeros(size_bytes: int, number_of_parts: int) -> Part:
    file = spool()
    for _ in range(size_bytes // number_of_parts >> 20):
        file.write(bytes(1 << 20))
    file.seek(0)
    return Part("image/jls", file, {}, "http://x/bulk/1")


def test_thousands_of_frames_and_instances_keep_few_files_open() -> None:
    open_files = Path("/proc/self/fd")
    big = bytes(1 << 20) + b"x"  # over what a part keeps in memory
    frames = {"00280008": {"vr": "IS", "Value": ["200"]}}
    with MetadataAssembly() as assembly:
        waiting = [instance(number) | {"00281201": {"vr": "OW", "BulkDataURI": "never"}} for number in range(100)]
        list(assembly.add(json_part(*waiting, instance(1000) | frames)))
        before = len(list(open_files.iterdir()))
        for number in range(100):
            list(assembly.add(spooled(big, f"http://x/bulk/{number}", "application/octet-stream")))
            list(assembly.add(spooled(big, "http://x/bulk/1000", "image/jls")))
        assert len(list(open_files.iterdir())) - before < 70
        assert len(list(assembly.finish())) == 101
    assert len(list(open_files.iterdir())) <= before


def spooled(content: bytes, location: str, media_type: str) -> Part:
    file = spool()
    file.write(content)
    file.seek(0)
    return Part(media_type, file, {}, location)


def test_many_instances_that_share_their_locations_ends_take_no_time() -> None:
    many = [instance(number, "http://x/{}/bulkdata/7FE00010") for number in range(3000)]
    started = time.thread_time()
    parts = (bulk_part(b"pp", f"http://x/{number}/bulkdata/7FE00010") for number in range(3000))
    assert len(outcomes(json_part(*many), *parts)) == 3000
    assert time.thread_time() - started < 30


part_contents = st.sampled_from([b"", b"\xff\xd8\xff\xc3", b"\xfe\xff\x00\xe0\0\0\0\0", b"%PDF", b"{}"]) | st.binary()
fuzzed_parts = st.builds(
    Part,
    st.sampled_from(["", DICOM_JSON, DICOM_XML, "image/jpeg", "image/jp2", "video/mp4", "application/octet-stream"]),
    part_contents.map(io.BytesIO),
    st.fixed_dictionaries({}, optional={"transfer-syntax": st.sampled_from(["*", "é", "1.2.3", SYNTAX + "50"])}),
    st.sampled_from(["", "1", "http://x/1", "1/frames/1", "1/frames/2", "http://["]),
)
fuzzed_metadata = st.lists(
    st.fixed_dictionaries(
        {"7FE00010": st.sampled_from([{"vr": "OB", "BulkDataURI": "1"}, {"vr": "OB", "InlineBinary": "/9j/"}])},
        optional={
            "00280008": st.sampled_from([{"vr": "IS", "Value": [count]} for count in (0, 2, -1, "x", 10**8)]),
            "00280010": st.sampled_from([{"vr": "US", "Value": [2]}, {"vr": "OB", "BulkDataURI": "1"}]),
            "00020010": st.just({"vr": "UI", "Value": [SYNTAX + "50"]}),
            "00420011": st.just({"vr": "OB", "BulkDataURI": "http://x/1"}),
        },
    ),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(fuzzed_metadata, st.lists(fuzzed_parts, max_size=4))
def test_gives_files_and_refusals_whatever_comes(metadata: Any, parts: list[Part]) -> None:
    found = outcomes_or_reason(json_part(*metadata), *parts)
    assert found is RejectReason.MALFORMED_REQUEST or (isinstance(found, list) and len(found) >= len(metadata))


def outcomes_or_reason(*parts: Part) -> list[bytes | Rejected] | RejectReason:
    try:
        return outcomes(*parts)
    except Rejected as rejected:
        return rejected.reason
