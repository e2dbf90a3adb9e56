"""Data sets of every encoding, as Explicit VR Little Endian; PS3.5 Section 7."""

from io import BytesIO
from struct import pack

import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from imaging.dicom.byte_source import BytesSource
from imaging.dicom.data_set_recoding import LongValue, recoded, size_of
from imaging.dicom.header import read_header
from imaging.errors import Rejected, RejectReason
from tests.unit.dicom.files import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    UNDEFINED,
    element,
    identifiers,
    item,
    part10,
    sequence,
)


def of_file(content: bytes) -> bytes:
    """The whole header recoded, what was passed over read where it lies."""
    pieces = recoded(read_header(BytesSource(content)).data_set)
    whole = b"".join(
        piece if isinstance(piece, bytes) else content[piece.first : piece.first + piece.size_bytes] for piece in pieces
    )
    assert len(whole) == size_of(pieces)
    return whole


def read(data_set: bytes) -> Dataset:
    return dcmread(BytesIO(part10(data_set)))


def implicit(*elements: bytes) -> bytes:
    uids = (
        element(0x00080016, "UI", "1.2", implicit=True)
        + element(0x00080018, "UI", "1.2.3", implicit=True)
        + element(0x0020000D, "UI", "1.2.1", implicit=True)
        + element(0x0020000E, "UI", "1.2.2", implicit=True)
    )
    return part10(uids + b"".join(elements), IMPLICIT_VR_LITTLE_ENDIAN)


def explicit(*elements: bytes) -> bytes:
    return part10(b"".join(identifiers()) + b"".join(elements))


def every_vr() -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2", "1.2.3"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.1", "1.2.2"
    ds.PatientName = "Müller^Jörg"
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.add_new(0x00091001, "SL", [-70000, 70000])
    ds.add_new(0x00091002, "SS", [-300, 300])
    ds.add_new(0x00091003, "UL", 70000)
    ds.add_new(0x00091004, "US", [258, 515])
    ds.add_new(0x00091005, "FL", [1.5, -2.25])
    ds.add_new(0x00091006, "FD", [1.1, -2.2])
    ds.add_new(0x00091007, "SV", -(2**40))
    ds.add_new(0x00091008, "UV", 2**40)
    ds.add_new(0x00091009, "AT", [0x00100020, 0x7FE00010])
    ds.add_new(0x0009100A, "OW", pack("<4H", 1, 2, 3, 4))
    ds.add_new(0x0009100B, "OF", pack("<2f", 1.5, 2.5))
    ds.add_new(0x0009100C, "OD", pack("<2d", 1.5, 2.5))
    ds.add_new(0x0009100D, "OL", pack("<2L", 1, 2))
    ds.add_new(0x0009100E, "OV", pack("<2Q", 1, 2))
    ds.add_new(0x0009100F, "OB", b"\1\2\3\4")
    ds.add_new(0x00091010, "UN", b"\1\2\3\4")
    ds.add_new(0x00090010, "LO", "OURS")
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "1.2.3.4"
    inner.add_new(0x00091004, "US", 513)
    ds.ReferencedImageSequence = Sequence([inner, Dataset()])
    return ds


_OTHER_WAY_ROUND = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def big_endian(ds: Dataset) -> bytes:
    for one in ds:  # pydicom writes these as they are
        if number_bytes := _OTHER_WAY_ROUND.get(one.VR):
            one.value = b"".join(
                one.value[at : at + number_bytes][::-1] for at in range(0, len(one.value), number_bytes)
            )
    written = DicomBytesIO()
    written.is_little_endian, written.is_implicit_VR = False, False
    write_dataset(written, ds)
    return part10(written.getvalue(), EXPLICIT_VR_BIG_ENDIAN)


def test_every_vr_of_a_big_endian_file_keeps_its_value() -> None:
    made = read(of_file(big_endian(every_vr())))
    assert [(one.tag, one.VR, one.value) for one in made] == [(one.tag, one.VR, one.value) for one in every_vr()]


def test_an_explicit_file_comes_out_as_it_was() -> None:
    written = DicomBytesIO()
    written.is_little_endian, written.is_implicit_VR = True, False
    write_dataset(written, every_vr())
    assert of_file(part10(written.getvalue())) == written.getvalue()


def test_an_implicit_file_gets_the_vrs_of_the_dictionary() -> None:
    content = implicit(
        element(0x00280103, "US", pack("<H", 1), implicit=True),
        element(0x00280106, "SS", pack("<h", -5), implicit=True),
        element(0x60003000, "OW", b"\1\2\3\4", implicit=True),
    )
    made = read(of_file(content))
    assert [(made[tag].VR, made[tag].value) for tag in (0x00280106, 0x60003000)] == [
        ("SS", -5),
        ("OW", b"\1\2\3\4"),
    ]


def test_an_item_takes_its_sign_from_the_data_set_around_it() -> None:
    lut = element(0x00283002, "SS", pack("<Hhh", 256, -7, 16)[:6], implicit=True)
    content = implicit(
        element(0x00280103, "US", pack("<H", 1), implicit=True), sequence(0x00283000, item(lut), implicit=True)
    )
    assert read(of_file(content)).ModalityLUTSequence[0]["LUTDescriptor"].VR == "SS"


def test_what_no_dictionary_knows_becomes_un_with_its_bytes() -> None:
    made = read(of_file(implicit(element(0x00991001, "UN", b"\1\2\3\4", implicit=True))))
    assert (made[0x00991001].VR, made[0x00991001].value) == ("UN", b"\1\2\3\4")


@pytest.mark.parametrize("undefined_item", [True, False])
def test_sequences_of_undefined_length_come_out_with_their_lengths(undefined_item: bool) -> None:
    inner = item(element(0x00081155, "UI", "1.2.9", implicit=True), undefined_length=undefined_item)
    content = implicit(sequence(0x00081140, inner, inner, undefined_length=True, implicit=True))
    data_set = of_file(content)
    assert pack("<HHL", 0xFFFE, 0xE0DD, 0) not in data_set
    assert [one.ReferencedSOPInstanceUID for one in read(data_set).ReferencedImageSequence] == ["1.2.9", "1.2.9"]


def test_a_sequence_of_unknown_vr_is_one_of_implicit_items() -> None:
    inner = item(element(0x00081155, "UI", "1.2.9", implicit=True))
    made = read(of_file(explicit(sequence(0x00991001, inner, undefined_length=True, vr="UN"))))
    assert made[0x00991001].VR == "SQ"
    assert made[0x00991001].value[0].ReferencedSOPInstanceUID == "1.2.9"


def test_a_value_that_breaks_its_vr_and_one_of_odd_length_stay() -> None:
    content = implicit(
        pack("<HHL", 0x0008, 0x1030, 3) + b"abc",
        element(0x00081197, "US", b"\1\2\3\4", implicit=True),
        element(0x00200013, "IS", "no number", implicit=True),
    )
    data_set = of_file(content)
    assert b"LO\x04\x00abc " in data_set
    assert b"US\x04\x00\1\2\3\4" in data_set
    assert b"no number " in data_set


def test_group_lengths_are_left_out() -> None:
    content = explicit(element(0x00400000, "UL", pack("<L", 10)), element(0x00400001, "AE", "SOMEONE "))
    assert pack("<HH", 0x0040, 0x0000) not in of_file(content)
    assert b"SOMEONE " in of_file(content)


def test_text_that_a_short_length_cannot_tell_becomes_un() -> None:
    assert b"UN\0\0" + pack("<L", 70_000) in of_file(implicit(element(0x00081030, "LO", "x" * 70_000, implicit=True)))


def test_a_long_value_is_left_where_it_lies() -> None:
    value = bytes(range(256)) * 1024
    content = implicit(element(0x00420011, "OB", value, implicit=True))
    pieces = recoded(read_header(BytesSource(content)).data_set)
    assert LongValue(len(content) - len(value), len(value)) in pieces
    assert read(of_file(content)).EncapsulatedDocument == value


def test_a_compressed_value_has_no_place_in_it() -> None:
    fragments = pack("<HHL", 0xFFFE, 0xE000, 4) + b"\1\2\3\4" + pack("<HHL", 0xFFFE, 0xE0DD, 0)
    content = explicit(element(0x00420011, "OB", fragments, length=UNDEFINED))
    with pytest.raises(Rejected) as refused:
        recoded(read_header(BytesSource(content)).data_set)
    assert refused.value.reason is RejectReason.NOT_ACCEPTABLE


def test_the_encodings_here_are_what_they_say() -> None:
    assert read_header(BytesSource(big_endian(every_vr()))).data_set.original_encoding == (False, False)
    assert read_header(BytesSource(implicit())).data_set.original_encoding == (True, True)
    assert read_header(BytesSource(explicit())).transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN
