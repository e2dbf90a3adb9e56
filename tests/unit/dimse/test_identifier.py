from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.charset import encode_string
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.dsutils import decode, encode

from imaging.dimse.find_keys import Returned
from imaging.dimse.identifier import Key, read_identifier
from imaging.dimse.response_identifier import ResponseIdentifiers
from imaging.errors import Rejected
from imaging.reading.match_attributes import element

TRANSFER_SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def encoding(transfer_syntax_uid: str) -> tuple[bool, bool, bool]:
    return (
        transfer_syntax_uid == ImplicitVRLittleEndian,
        transfer_syntax_uid != ExplicitVRBigEndian,
        transfer_syntax_uid == DeflatedExplicitVRLittleEndian,
    )


def encoded(ds: Dataset, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> bytes:
    content = encode(ds, *encoding(transfer_syntax_uid))
    assert content is not None
    return content


def many_kinds_of_keys() -> Dataset:
    step = Dataset()
    step.ScheduledProcedureStepID = "SPS*"
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.QueryRetrieveLevel = "IMAGE"
    ds.StudyDate = "20260101-"
    ds.PatientName = "Müller*"
    ds.StudyInstanceUID = ["1.2", "1.3"]
    ds.SeriesNumber = None
    ds.Rows = 512
    ds.FrameIncrementPointer = 0x00181063
    ds.RequestAttributesSequence = [step]
    ds.ProcedureCodeSequence = [Dataset()]
    ds.AnatomicRegionSequence = []
    return ds


@pytest.mark.parametrize("transfer_syntax_uid", TRANSFER_SYNTAXES)
def test_an_identifier_reads_the_same_in_every_transfer_syntax(transfer_syntax_uid):
    found = read_identifier(encoded(many_kinds_of_keys(), transfer_syntax_uid), transfer_syntax_uid)
    assert found.character_sets == ("ISO_IR 100",)
    assert {key.tag: (key.vr, key.value) for key in found.keys if not key.items} == {
        "00080005": ("CS", "ISO_IR 100"),
        "00080020": ("DA", "20260101-"),
        "00080052": ("CS", "IMAGE"),
        "00082218": ("SQ", ""),
        "00100010": ("PN", "Müller*"),
        "0020000D": ("UI", "1.2\\1.3"),
        "00200011": ("IS", ""),
        "00280009": ("AT", "00181063"),
        "00280010": ("US", "512"),
    }
    by_tag = {key.tag: key for key in found.keys}
    assert by_tag["00081032"].items == ((),)
    assert by_tag["00400275"].items == ((Key("00400009", "SH", "SPS*"),),)


@pytest.mark.parametrize(
    ("character_sets", "name"),
    [
        (["ISO_IR 100"], "Buc^Jérôme"),
        (["ISO_IR 144"], "Ждин^Юли"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        (["GB18030"], "Wang^XiaoDong=王^小东"),
        (["GBK"], "Zhang^XiaoDong=张^小东"),
        (["ISO_IR 192"], "Wang^XiaoDong=王^小東"),
    ],
)
def test_names_go_in_and_out_in_the_character_sets_of_the_request(character_sets, name):
    asked = Dataset()
    asked.SpecificCharacterSet = character_sets
    asked.PatientName = name + "*"
    asked.StudyDescription = name.split("=")[-1].replace("^", "\\")
    found = read_identifier(encoded(asked), ExplicitVRLittleEndian)
    assert found.value("00100010") == name + "*"
    assert found.value("00081030") == name.split("=")[-1].replace("^", "\\")

    groups = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=False))
    attributes = {
        "00100010": {"vr": "PN", "Value": [groups]},
        "00081030": element("LO", *name.split("=")[-1].split("^")),
    }
    returned = [Returned(tag, "LO", tag) for tag in sorted(attributes)]
    identifiers = ResponseIdentifiers(
        returned, {}, character_sets=found.character_sets, transfer_syntax_uid=ExplicitVRLittleEndian
    )
    answer = decode(BytesIO(identifiers.encode(attributes)), False, True)
    assert answer["SpecificCharacterSet"].value == (character_sets if len(character_sets) > 1 else character_sets[0])
    assert str(answer.PatientName) == name
    parts = name.split("=")[-1].split("^")
    assert answer.StudyDescription == (parts if len(parts) > 1 else parts[0])


@pytest.mark.parametrize(
    ("preferred", "name", "chosen"),
    [
        ((), "Doe^Jane", None),
        (("ISO_IR 100",), "Doe^Jane", None),
        ((), "Buc^Jérôme", "ISO_IR 192"),
        (("ISO_IR 144",), "Buc^Jérôme", "ISO_IR 192"),
        (("", "ISO 2022 IR 87"), "Buc^Jérôme", "ISO_IR 192"),
        (("ISO_IR 100",), "山田^太郎", "ISO_IR 192"),
        (("ISO_IR 999",), "Buc^Jérôme", "ISO_IR 192"),
        (("\\\0 ?",), "Buc^Jérôme", "ISO_IR 192"),
    ],
)
def test_what_the_requests_character_sets_cannot_hold_goes_out_in_utf_8(preferred, name, chosen):
    attributes = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]}}
    identifiers = ResponseIdentifiers(
        [Returned("00100010", "PN", "00100010")],
        {},
        character_sets=preferred,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    answer = decode(BytesIO(identifiers.encode(attributes)), False, True)
    assert answer.get("SpecificCharacterSet") == chosen
    assert str(answer.PatientName) == name


@pytest.mark.parametrize("transfer_syntax_uid", TRANSFER_SYNTAXES)
def test_a_response_reads_the_same_in_every_transfer_syntax(transfer_syntax_uid):
    code = {
        "00080100": element("SH", "T-1"),
        "00080104": element("LO", "Kopf"),
        "00080005": element("CS", "ISO_IR 192"),
    }
    attributes = {
        "00080020": element("DA", "20260102"),
        "00080201": element("SH", "+0100"),
        "00081032": {"vr": "SQ", "Value": [code, {**code, "00080100": element("SH", "T-2")}]},
        "00081030": {"vr": "LO", "BulkDataURI": "bulkdata/00081030"},
        "0020000D": element("UI", "1.2.3"),
        "00280010": element("US", 512),
        "00281052": element("DS", -1024.5),
        "00280009": element("AT", "00181063"),
        "00181271": element("FD", 0.5),
    }
    tags = [*attributes, "00100010"]
    tags.remove("00080201")
    returned = [Returned(tag, attributes.get(tag, {"vr": "PN"})["vr"], tag) for tag in sorted(tags)]
    only_the_meaning = [
        Returned("00081032", "SQ", "00081032", (Returned("00080104", "LO", "00080104"),))
        if each.tag == "00081032"
        else each
        for each in returned
    ]
    always = {"00080052": element("CS", "IMAGE"), "00080054": element("AE", "MAIN")}
    for keys, codes in ((returned, ["T-1", "T-2"]), (only_the_meaning, [None, None])):
        identifiers = ResponseIdentifiers(keys, always, character_sets=(), transfer_syntax_uid=transfer_syntax_uid)
        answer = decode(BytesIO(identifiers.encode(attributes)), *encoding(transfer_syntax_uid))
        assert [(item.get("CodeValue"), item.CodeMeaning) for item in answer.ProcedureCodeSequence] == [
            (code, "Kopf") for code in codes
        ]
        assert (answer.Rows, answer.RescaleIntercept, answer.FrameIncrementPointer) == (512, -1024.5, 0x00181063)
        assert answer["StudyDescription"].is_empty
        assert answer["PatientName"].is_empty
        assert answer.TimezoneOffsetFromUTC == "+0100", "dates are in it"
        assert (answer.QueryRetrieveLevel, answer.RetrieveAETitle) == ("IMAGE", "MAIN")


@given(content=st.binary(max_size=200), transfer_syntax_uid=st.sampled_from(TRANSFER_SYNTAXES))
@example(b"", ExplicitVRLittleEndian)
@example(b"\x08\0\x05\0CS\x06\0\\\xff\0?\\\\" + b"\x10\0\x10\0PN\x04\0\x1b$B\x01", ExplicitVRLittleEndian)
def test_bytes_that_are_no_identifier_are_refused_and_do_no_harm(content, transfer_syntax_uid):
    try:
        found = read_identifier(content, transfer_syntax_uid)
    except Rejected:
        return
    assert all(len(key.tag) == 8 for key in found.keys)


@given(place=st.integers(0, 300), bits=st.integers(1, 255), transfer_syntax_uid=st.sampled_from(TRANSFER_SYNTAXES[:3]))
def test_an_identifier_with_a_broken_byte_is_refused_or_read(place, bits, transfer_syntax_uid):
    content = bytearray(encoded(many_kinds_of_keys(), transfer_syntax_uid))
    content[place % len(content)] ^= bits
    refused = ""
    try:
        read_identifier(bytes(content), transfer_syntax_uid)
    except Rejected as rejected:
        refused = str(rejected)
    assert "Müller" not in refused


def test_an_identifier_beyond_all_use_is_refused():
    ds = Dataset()
    ds.StudyInstanceUID = ["1.2.840.10008.1.2.3.4.5.6.7.8.9"] * 1_000
    assert read_identifier(encoded(ds, ImplicitVRLittleEndian), ImplicitVRLittleEndian).keys
    ds.PixelData = bytes(2_000_000)
    ds["PixelData"].VR = "OB"
    for transfer_syntax_uid in (ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
        with pytest.raises(Rejected, match="at most"):
            read_identifier(encoded(ds, transfer_syntax_uid), transfer_syntax_uid)


def test_a_character_of_two_bytes_is_not_split_at_a_byte_that_looks_like_a_delimiter():
    name = "乗"  # its second byte in GB18030 is a backslash
    assert b"\\" in encode_string(name, ["GB18030"])
    ds = Dataset()
    ds.SpecificCharacterSet = "GB18030"
    ds.StudyDescription = name
    assert read_identifier(encoded(ds), ExplicitVRLittleEndian).value("00081030") == name
