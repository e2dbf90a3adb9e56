"""Data sets from DICOM JSON, PS3.18 Section F.2, and the files that they make."""

import io
import tempfile
import tracemalloc
from typing import Any, BinaryIO, cast

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from imaging.dicom.data_set_writer import write_part10
from imaging.dicom.encapsulation import BulkValue, Encapsulation
from imaging.dicom.file_range import FileRange
from imaging.dicom.json_data_set import JsonDataSet, read_json_data_set
from imaging.errors import Rejected, RejectReason
from tests.unit.dicom.files import EXPLICIT_VR_LITTLE_ENDIAN, JPEG_BASELINE, pydicom_file

UIDS = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
}


def written(attributes: dict[str, Any], syntax: str = EXPLICIT_VR_LITTLE_ENDIAN, **bulk_values: BulkValue) -> Dataset:
    return pydicom.dcmread(io.BytesIO(written_bytes(attributes, syntax, **bulk_values)))


def written_bytes(
    attributes: dict[str, Any], syntax: str = EXPLICIT_VR_LITTLE_ENDIAN, **bulk_values: BulkValue
) -> bytes:
    file = io.BytesIO()
    write_part10(file, read_json_data_set(attributes), syntax, bulk_values)
    return file.getvalue()


def bulk(*contents: bytes, encapsulation: Encapsulation | None = None) -> BulkValue:
    return BulkValue(tuple(FileRange.of(io.BytesIO(content)) for content in contents), encapsulation)


def refusal(attributes: Any) -> Rejected:
    with pytest.raises(Rejected) as refused:
        read_json_data_set(attributes)
    assert refused.value.reason is RejectReason.NOT_DICOM
    return refused.value


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "test-SR.dcm", "liver_1frame.dcm", "waveform_ecg.dcm"]
)
def test_makes_the_data_set_that_pydicom_made_the_json_of(name: str) -> None:
    original = pydicom.dcmread(io.BytesIO(pydicom_file(name)))
    again = written(original.to_json_dict(bulk_data_threshold=1 << 30))
    again[0x00080005].value = original.get("SpecificCharacterSet")
    for element in original:
        assert again[element.tag].value == element.value, element.tag
    assert len(again) == len(original) + ("SpecificCharacterSet" not in original)


def test_the_same_request_twice_makes_the_same_bytes() -> None:
    attributes = pydicom.dcmread(io.BytesIO(pydicom_file("CT_small.dcm"))).to_json_dict(bulk_data_threshold=1 << 30)
    assert written_bytes(attributes) == written_bytes(dict(reversed(attributes.items())))


def test_text_is_utf_8_and_says_so() -> None:
    item = {"00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}, "00080104": {"vr": "LO", "Value": ["Größe"]}}
    again = written(
        {
            "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller", "Ideographic": "山田"}]},
            "00082218": {"vr": "SQ", "Value": [item, {}, None]},
        }
    )
    assert again.SpecificCharacterSet == again[0x00082218][0].SpecificCharacterSet == "ISO_IR 192"
    assert again.PatientName == "Müller=山田"
    assert [item.get("CodeMeaning") for item in again[0x00082218]] == ["Größe", None, None]


def test_the_file_meta_information_says_what_the_data_set_says() -> None:
    again = written(UIDS, JPEG_BASELINE)
    assert again.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert again.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert again.file_meta.TransferSyntaxUID == JPEG_BASELINE


def test_elements_of_group_0002_and_group_lengths_are_left_out() -> None:
    data_set = read_json_data_set(
        {
            "00020010": {"vr": "UI", "Value": [JPEG_BASELINE]},
            "00083002": {"vr": "UI", "Value": ["1.2.840.10008.1.2.5"]},
            "00080000": {"vr": "UL", "Value": [5]},
            "00000002": {"vr": "UI", "Value": ["1.2"]},
        }
    )
    assert [element.tag for element in data_set.elements] == [0x00080005, 0x00083002]
    assert data_set.declared_transfer_syntax_uid == JPEG_BASELINE


def test_a_value_too_long_for_its_vr_is_written_as_un() -> None:
    content = written_bytes({"00081030": {"vr": "LO", "Value": ["x" * 70_000]}})
    assert b"\x08\x00\x30\x10UN\0\0" + (70_000).to_bytes(4, "little") in content


def test_bulk_values_are_copied_and_padded_wherever_they_stand() -> None:
    again = written(
        {
            "00420011": {"vr": "OB", "BulkDataURI": "pdf"},
            "00089215": {"vr": "SQ", "Value": [{"00420011": {"vr": "OB", "BulkDataURI": ["pdf"]}}]},
            "00081030": {"vr": "LT", "BulkDataURI": "pdf"},
        },
        pdf=bulk(b"%P", b"DF"[:1]),
    )
    assert again.EncapsulatedDocument == again[0x00089215][0].EncapsulatedDocument == b"%PD\0"
    assert again.StudyDescription == "%PD"


def test_frames_are_encapsulated_with_a_basic_offset_table() -> None:
    pixel_data = {
        "7FE00010": {"vr": "OW", "BulkDataURI": "frames"},
        "7FE00001": {"vr": "OV", "InlineBinary": "AAAAAAAAAAA="},
        "00280008": {"vr": "IS", "Value": ["3"]},
    }
    frames = bulk(b"\xff\xd8\x01", b"\xff\xd8\x02\x03", b"\xff\xd8", encapsulation=Encapsulation.FRAMES)
    again = written(pixel_data, JPEG_BASELINE, frames=frames)
    assert again["PixelData"].VR == "OB"
    assert pydicom.encaps.parse_basic_offsets(again.PixelData) == [0, 12, 24]
    assert list(pydicom.encaps.generate_frames(again.PixelData, number_of_frames=3)) == [
        b"\xff\xd8\x01\x00",
        b"\xff\xd8\x02\x03",
        b"\xff\xd8",
    ]
    assert "ExtendedOffsetTable" not in again


def test_a_value_of_64_mb_is_written_in_constant_memory() -> None:
    with tempfile.TemporaryFile() as value, tempfile.SpooledTemporaryFile(1 << 20) as target:
        value.truncate(64 << 20)
        attributes = {"7FE00010": {"vr": "OW", "BulkDataURI": "value"}}
        nested = {"54000100": {"vr": "SQ", "Value": [{"54001010": {"vr": "OW", "BulkDataURI": "value"}}]}}
        data_set = read_json_data_set(attributes | nested)
        tracemalloc.start()
        values = {"value": BulkValue((FileRange.of(cast(BinaryIO, value)),))}
        write_part10(cast(BinaryIO, target), data_set, EXPLICIT_VR_LITTLE_ENDIAN, values)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert target.tell() > 128 << 20
        assert peak < 4 << 20


def test_a_value_over_4_gib_is_refused() -> None:
    with tempfile.TemporaryFile() as value:
        value.truncate(0xFFFFFFFF)
        data_set = read_json_data_set(UIDS | {"7FE00010": {"vr": "OW", "BulkDataURI": "value"}})
        values = {"value": BulkValue((FileRange.of(cast(BinaryIO, value)),))}
        with pytest.raises(Rejected) as refused:
            write_part10(io.BytesIO(), data_set, EXPLICIT_VR_LITTLE_ENDIAN, values)
    assert (refused.value.reason, refused.value.sop_instance_uid) == (RejectReason.TOO_LARGE, "1.2.3")


@pytest.mark.parametrize(
    ("tag", "attribute"),
    [
        ("00100020", {"vr": "XX", "Value": ["SECRET"]}),
        ("00100020", {"vr": 5, "Value": ["SECRET"]}),
        ("00100020", {"vr": "LO", "Value": "SECRET"}),
        ("00100020", {"vr": "LO", "Value": ["SECRET"], "BulkDataURI": "SECRET"}),
        ("00100020", {"vr": "US", "Value": ["SECRET"]}),
        ("00100020", {"vr": "SQ", "Value": ["SECRET"]}),
        ("00100020", {"vr": "SQ", "InlineBinary": "SECRET"}),
        ("00100020", {"vr": "SQ", "BulkDataURI": "SECRET"}),
        ("00100020", {"vr": "OB", "InlineBinary": "SECRET!"}),
        ("00100020", {"vr": "OB", "InlineBinary": "SÉCRET=="}),
        ("00100020", {"vr": "OB", "InlineBinary": {"SECRET": 1}}),
        ("00100020", {"vr": "OB", "Value": ["SECRET"]}),
        ("00100020", {"vr": "OB", "BulkDataURI": ""}),
        ("00100020", ["SECRET"]),
    ],
)
def test_refuses_a_broken_attribute_by_its_tag_and_without_its_value(tag: str, attribute: Any) -> None:
    rejected = refusal(UIDS | {"00082218": {"vr": "SQ", "Value": [{tag: attribute}]}})
    assert "(0010,0020)" in str(rejected)
    assert "SECRET" not in str(rejected)
    assert rejected.sop_class_uid == "1.2.840.10008.5.1.4.1.1.2"
    assert rejected.sop_instance_uid == "1.2.3"


@pytest.mark.parametrize("attributes", [5, [], "x", None, {"PatientID": {"vr": "LO"}}, {"FFFEE00D": {"vr": "UN"}}])
def test_refuses_what_is_no_data_set(attributes: Any) -> None:
    assert refusal(attributes).sop_instance_uid == ""


def test_takes_the_vr_of_the_dictionary_where_none_is_given() -> None:
    data_set = read_json_data_set({"00100020": {"Value": ["1"]}, "00090001": {}})
    assert [element.vr for element in data_set.elements] == ["CS", "UN", "LO"]


@pytest.mark.parametrize(("depth", "is_read"), [(64, True), (65, False)])
def test_sequences_nest_64_deep(depth: int, is_read: bool) -> None:
    attributes: dict[str, Any] = {}
    for _ in range(depth):
        attributes = {"00082218": {"vr": "SQ", "Value": [attributes]}}
    if is_read:
        assert written(attributes)[0x00082218]
    else:
        assert "deeper than 64" in str(refusal(attributes))


tags = st.sampled_from(["00080018", "00100010", "7FE00010", "00082218", "00020010", "0008", "FFFEE000", "00090001"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("AAAA"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tags, inner, max_size=3),
)
attribute_objects = st.fixed_dictionaries(
    {},
    optional={
        "vr": st.sampled_from(["SQ", "PN", "US", "OB", "UN", "DS", "AT", "XX", "LO"]) | json_values,
        "Value": st.lists(st.deferred(lambda: data_sets) | json_values, max_size=3) | json_values,
        "InlineBinary": json_values,
        "BulkDataURI": json_values,
    },
)
data_sets = st.dictionaries(tags, attribute_objects | json_values, max_size=4)


@settings(max_examples=500, deadline=None)
@given(data_sets | json_values)
def test_gives_a_data_set_or_a_refusal_whatever_comes(attributes: Any) -> None:
    assert outcome(attributes) in {JsonDataSet, RejectReason.NOT_DICOM}


def outcome(attributes: Any) -> type | RejectReason:
    try:
        return type(read_json_data_set(attributes))
    except Rejected as rejected:
        return rejected.reason
