import zlib
from collections.abc import Callable
from struct import pack

import pytest

from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.errors import Rejected, RejectReason
from tests.unit.dicom.files import (
    DEFLATED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    SOP_CLASS_UID,
    UNDEFINED,
    RecordingSource,
    element,
    identifiers,
    item,
    part10,
    pydicom_file,
    sequence,
)

KIB = 1024
GIB = 1024**3

FIRST, THEN = identifiers()
PIXEL_DATA = element(0x7FE00010, "OW", b"", length=0x7FFFFFFE)


def refusal(content: bytes) -> Rejected:
    with pytest.raises(Rejected) as refused:
        read_header(BytesSource(content))
    return refused.value


@pytest.mark.parametrize(
    ("name", "transfer_syntax_uid"),
    [
        ("CT_small.dcm", "1.2.840.10008.1.2.1"),
        ("MR_small_implicit.dcm", "1.2.840.10008.1.2"),
        ("MR_small_bigendian.dcm", "1.2.840.10008.1.2.2"),
        ("image_dfl.dcm", "1.2.840.10008.1.2.1.99"),
        ("JPEG2000.dcm", "1.2.840.10008.1.2.4.91"),
    ],
)
def test_reads_identifiers_in_every_encoding(name: str, transfer_syntax_uid: str) -> None:
    content = pydicom_file(name)
    header = read_header(BytesSource(content))
    assert header.transfer_syntax_uid == transfer_syntax_uid
    assert header.sop_instance_uid == header.media_storage_sop_instance_uid
    assert header.sop_class_uid == header.media_storage_sop_class_uid
    assert header.study_instance_uid.startswith("1.")
    assert header.series_instance_uid.startswith("1.")
    if transfer_syntax_uid != DEFLATED:
        assert content[header.data_set_offset :][:2] in {b"\x08\x00", b"\x00\x08"}
        assert content[header.pixel_data_offset :][:2] in {b"\xe0\x7f", b"\x7f\xe0"}


@pytest.mark.parametrize("element_number", [0x0001, 0x0002, 0x0008, 0x0009, 0x0010])
def test_stops_before_pixel_data(element_number: int) -> None:
    pixel_data = element(0x7FE00000 | element_number, "OB", b"", length=0x7FFFFFFE)
    source = RecordingSource(part10(FIRST + THEN + pixel_data), 2 * GIB)
    header = read_header(source)
    assert max(header.data_set.keys()) == 0x0020000E
    assert source.bytes_read <= header.pixel_data_offset + 64 * KIB


def large_sequence(size_bytes: int, *, undefined_length: bool) -> bytes:
    one = item(element(0x00181063, "DS", "1.5") + element(0x00189074, "DT", "20260102030405"), undefined_length=True)
    return sequence(0x52009230, *[one] * (size_bytes // len(one)), undefined_length=undefined_length)


HEADERS: dict[str, Callable[[], bytes]] = {
    "1 KB": lambda: element(0x00204000, "LT", "x" * 900),
    "2 MB in a sequence": lambda: large_sequence(2_000_000, undefined_length=False),
    "2 MB in a sequence of undefined length": lambda: large_sequence(2_000_000, undefined_length=True),
    "20 MB in a text": lambda: element(0x0040A160, "UT", "x" * 20_000_000),
    "many private values": lambda: b"".join(element(0x00291000 + n, "OB", b"x" * 60_000) for n in range(60)),
}


@pytest.mark.parametrize("header_of", HEADERS.values(), ids=HEADERS.keys())
def test_reads_no_more_than_the_header_and_64_kib(header_of: Callable[[], bytes]) -> None:
    content = part10(FIRST + THEN + header_of() + PIXEL_DATA)
    source = RecordingSource(content, 5 * GIB)
    header = read_header(source)
    assert header.pixel_data_offset == len(content) - len(PIXEL_DATA)
    assert source.bytes_read <= header.pixel_data_offset + 64 * KIB


def test_reads_a_sequence_that_tells_its_length_in_large_pieces() -> None:
    inner = sequence(0x00209111, item(element(0x00209057, "UL", bytes(4))))
    source = RecordingSource(part10(FIRST + THEN + sequence(0x52009230, *[item(inner)] * 50_000)))
    read_header(source)
    assert len(source.ranges) <= 2 + source.size_bytes // (1024 * KIB)


def test_reads_no_byte_twice() -> None:
    source = RecordingSource(part10(FIRST + THEN + large_sequence(300_000, undefined_length=True) + PIXEL_DATA), GIB)
    read_header(source)
    assert all(earlier[1] < later[0] for earlier, later in zip(source.ranges, source.ranges[1:], strict=False))


@pytest.mark.parametrize(
    "around",
    [
        lambda bulk: bulk,
        lambda bulk: sequence(0x00291010, item(bulk)),
        lambda bulk: sequence(0x00291010, item(sequence(0x00291020, item(bulk, undefined_length=True)))),
    ],
    ids=["outermost", "in an item", "in an item of an item"],
)
def test_passes_over_bulk_values_wherever_they_stand(around: Callable[[bytes], bytes]) -> None:
    content = part10(FIRST + THEN + around(element(0x00291030, "OB", b"x" * 5_000_000)) + PIXEL_DATA)
    source = RecordingSource(content, GIB)
    header = read_header(source)
    assert header.pixel_data_offset == len(content) - len(PIXEL_DATA)
    assert source.bytes_read < 1_300 * KIB
    assert b"bulkdata" in str(to_dicom_json(header)).encode()


def test_passes_over_bulk_values_in_implicit_vr() -> None:
    def implicit(tag: int, value: bytes | str) -> bytes:
        return element(tag, "UN", value, implicit=True)

    data_set = (
        implicit(0x00080016, SOP_CLASS_UID)
        + implicit(0x00080018, "1.2.3")
        + implicit(0x00091010, b"x" * 1_000_000)
        + implicit(0x0020000D, "1.2.1")
        + implicit(0x0020000E, "1.2.2")
    )
    source = RecordingSource(part10(data_set, IMPLICIT_VR_LITTLE_ENDIAN))
    assert read_header(source).series_instance_uid == "1.2.2"
    assert source.bytes_read < 140 * KIB


def test_passes_over_an_encapsulated_value_before_pixel_data() -> None:
    fragments = sequence(0x00291010, item(b"ab"), item(b"cdef"), undefined_length=True, vr="OB")
    header = read_header(BytesSource(part10(FIRST + THEN + fragments + element(0x00291020, "LO", "after"))))
    assert to_dicom_json(header)["00291020"]["Value"] == ["after"]


def test_reads_explicit_vr_that_is_declared_implicit() -> None:
    header = read_header(BytesSource(part10(FIRST + THEN, IMPLICIT_VR_LITTLE_ENDIAN)))
    assert (header.transfer_syntax_uid, header.study_instance_uid) == (IMPLICIT_VR_LITTLE_ENDIAN, "1.2.1")


def test_reads_implicit_vr_that_is_declared_explicit() -> None:
    tags = ((0x00080016, SOP_CLASS_UID), (0x00080018, "1.2.3"), (0x0020000D, "1.2.1"), (0x0020000E, "1.2.2"))
    data_set = b"".join(element(tag, "UI", uid, implicit=True) for tag, uid in tags)
    assert read_header(BytesSource(part10(data_set))).series_instance_uid == "1.2.2"


def test_reads_a_sequence_in_implicit_vr_within_explicit_vr() -> None:
    inner = element(0x00080100, "SH", "T-1", implicit=True) + element(0x00080104, "LO", "Spine", implicit=True)
    header = read_header(BytesSource(part10(FIRST + sequence(0x00081032, item(inner), vr="UN") + THEN)))
    code = to_dicom_json(header)["00081032"]["Value"][0]
    assert code["00080104"] == {"vr": "LO", "Value": ["Spine"]}


def test_needs_no_right_group_length() -> None:
    content = bytearray(part10(FIRST + THEN))
    content[140:144] = pack("<L", 7)
    assert read_header(BytesSource(bytes(content))).sop_instance_uid == "1.2.3"
    without = content[:132] + content[144:]
    assert read_header(BytesSource(bytes(without))).sop_instance_uid == "1.2.3"


def test_ends_an_item_that_lacks_its_delimiter() -> None:
    broken = sequence(
        0x00081032, item(element(0x00080100, "SH", "A"), undefined_length=True)[:-8], undefined_length=True
    )
    header = read_header(BytesSource(part10(FIRST + broken + THEN)))
    assert to_dicom_json(header)["00081032"]["Value"] == [{"00080100": {"vr": "SH", "Value": ["A"]}}]


def test_leaves_out_a_sequence_that_holds_something_else() -> None:
    broken = element(0x00081032, "SQ", b"what is this, it is no item of a sequence")
    header = read_header(BytesSource(part10(FIRST + broken + THEN)))
    left_out: list[str] = []
    assert "00081032" not in to_dicom_json(header, left_out)
    assert left_out == ["00081032"]


def test_leaves_sequences_to_those_who_want_them() -> None:
    codes = sequence(0x00081032, item(element(0x00080100, "SH", "A"))) + sequence(
        0x00081048, item(element(0x00080100, "SH", "B"), undefined_length=True), undefined_length=True
    )
    header = read_header(BytesSource(part10(FIRST + codes + THEN)), keep_sequences=False)
    assert header.series_instance_uid == "1.2.2"
    assert 0x00081032 not in header.data_set.keys()  # noqa: SIM118 - `in` a data set would convert
    assert 0x00081048 not in header.data_set.keys()  # noqa: SIM118


@pytest.mark.parametrize("undefined_length", [False, True])
def test_survives_sequences_nested_thousands_deep(undefined_length: bool) -> None:
    nested = b""
    for _ in range(3_000):
        nested = sequence(
            0x0040A730, item(nested, undefined_length=undefined_length), undefined_length=undefined_length
        )
    content = part10(FIRST + THEN + nested)
    if undefined_length:
        assert refusal(content).reason is RejectReason.NOT_DICOM
    else:  # its length says where it ends
        assert read_header(BytesSource(content)).unreadable == (0x0040A730,)


def test_refuses_more_items_than_any_header_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.dicom.data_set_reader.MAX_ITEMS", 1_000)
    assert refusal(part10(FIRST + THEN + sequence(0x52009230, item(b"") * 1_001))).reason is RejectReason.TOO_LARGE


def test_refuses_a_header_beyond_all_use() -> None:
    source = RecordingSource(part10(FIRST + THEN + element(0x0040A160, "UT", b"", length=GIB)), 2 * GIB)
    with pytest.raises(Rejected) as refused:
        read_header(source)
    assert refused.value.reason is RejectReason.TOO_LARGE
    assert source.bytes_read < 1_000_000


def deflated(data_set: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return part10(deflater.compress(data_set) + deflater.flush(), DEFLATED)


def test_inflates_no_more_than_the_header() -> None:
    content = deflated(FIRST + THEN + element(0x7FE00010, "OW", bytes(range(256)) * 20_000))
    assert read_header(BytesSource(content[: len(content) // 2])).sop_instance_uid == "1.2.3"


def test_a_deflated_value_without_end_is_refused() -> None:
    assert refusal(deflated(FIRST + element(0x0040A160, "UT", b" " * 70_000_000))).reason is RejectReason.TOO_LARGE


def test_a_cut_deflated_header_is_truncated() -> None:
    assert refusal(deflated(FIRST + THEN)[:-10]).reason is RejectReason.TRUNCATED


def test_refuses_what_is_deflated_in_another_way() -> None:
    assert refusal(part10(b"\xff" * 100, DEFLATED)).reason is RejectReason.NOT_DICOM


@pytest.mark.parametrize("content", [b"", b"GIF89a", bytes(128) + b"DICX", bytes(132), bytes(128) + b"DIC"])
def test_refuses_what_is_not_dicom(content: bytes) -> None:
    assert refusal(content).reason is RejectReason.NOT_DICOM


def test_refuses_what_ends_within_the_header() -> None:
    assert refusal(part10(FIRST + THEN)[:-3]).reason is RejectReason.TRUNCATED


def test_takes_zeros_at_the_end_for_padding() -> None:
    assert read_header(BytesSource(part10(FIRST + THEN + bytes(3)))).sop_instance_uid == "1.2.3"


@pytest.mark.parametrize("keyword", ["study", "series", "instance", "sop_class"])
@pytest.mark.parametrize(
    ("uid", "reason"),
    [
        ("", RejectReason.MISSING_IDENTIFIER),
        ("../../etc/passwd", RejectReason.INVALID_IDENTIFIER),
        ("1.2." + "3" * 196, RejectReason.INVALID_IDENTIFIER),
        ("1.2.3\\1.2.4", RejectReason.INVALID_IDENTIFIER),
    ],
)
def test_refuses_identifiers_that_name_nothing(keyword: str, uid: str, reason: RejectReason) -> None:
    first, then = identifiers(**{keyword: uid})
    refused = refusal(part10(first + then))
    assert refused.reason is reason
    assert "passwd" not in str(refused)
    assert (refused.sop_class_uid, refused.sop_instance_uid) == (SOP_CLASS_UID, "1.2.3")


def test_a_refusal_names_the_instance_as_far_as_it_is_known() -> None:
    cut = refusal(part10(FIRST, instance="1.2.99")[:-3])
    assert (cut.sop_class_uid, cut.sop_instance_uid) == (SOP_CLASS_UID, "1.2.99")
    assert refusal(b"GIF").sop_instance_uid == ""


def test_removes_the_padding_of_identifiers() -> None:
    first, then = identifiers(study="1.2.1 ", series="1.2.22")
    header = read_header(BytesSource(part10(first + then)))
    assert (header.study_instance_uid, header.series_instance_uid) == ("1.2.1", "1.2.22")


def test_refuses_a_transfer_syntax_that_is_no_uid() -> None:
    assert refusal(part10(FIRST + THEN, "explicit")).reason is RejectReason.INVALID_IDENTIFIER


def without_transfer_syntax(data_set: bytes) -> bytes:
    return bytes(128) + b"DICM" + element(0x00020003, "UI", "1.2.3") + data_set


def test_finds_the_transfer_syntax_where_there_is_one_possibility() -> None:
    native = element(0x7FE00010, "OW", b"1234")
    assert (
        read_header(BytesSource(without_transfer_syntax(FIRST + THEN + native))).transfer_syntax_uid
        == EXPLICIT_VR_LITTLE_ENDIAN
    )
    big_endian = pydicom_file("MR_small_bigendian.dcm")
    offset = read_header(BytesSource(big_endian)).data_set_offset
    found = read_header(BytesSource(without_transfer_syntax(big_endian[offset:])))
    assert found.transfer_syntax_uid == "1.2.840.10008.1.2.2"
    implicit = pydicom_file("MR_small_implicit.dcm")
    offset = read_header(BytesSource(implicit)).data_set_offset
    found = read_header(BytesSource(without_transfer_syntax(implicit[offset:])))
    assert found.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN


def test_does_not_guess_how_encapsulated_pixel_data_is_compressed() -> None:
    encapsulated = element(0x7FE00010, "OB", item(b"") + item(b"\xff\xd8"), length=UNDEFINED)
    assert refusal(without_transfer_syntax(FIRST + THEN + encapsulated)).reason is RejectReason.NOT_DICOM


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit"])
def test_refuses_a_dicomdir(name: str) -> None:
    refused = refusal(pydicom_file(f"dicomdirtests/{name}"))
    assert refused.reason is RejectReason.NOT_DICOM
    assert "DICOMDIR" in str(refused)
