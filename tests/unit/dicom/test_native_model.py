"""The Native DICOM Model, PS3.19 Section A.1."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.dicom.json_data_set import read_json_data_set
from imaging.dicom.native_model import read_native_model
from imaging.errors import Rejected, RejectReason

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"


def document(content: str, namespace: str = "") -> bytes:
    declaration = f' xmlns="{namespace}"' if namespace else ""
    xml = f'<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel{declaration}>{content}</NativeDicomModel>'
    return xml.encode()


def attribute(tag: str, vr: str, content: str, more: str = "") -> str:
    return f'<DicomAttribute tag="{tag}" vr="{vr}" {more}>{content}</DicomAttribute>'


def only(content: str) -> dict[str, dict[str, object]]:
    (data_set,) = read_native_model(document(content))
    return data_set


def reason(content: bytes) -> RejectReason:
    with pytest.raises(Rejected) as refused:
        read_native_model(content)
    return refused.value.reason


@pytest.mark.parametrize("namespace", ["", NAMESPACE])
def test_reads_values_in_their_order_with_and_without_the_namespace(namespace: str) -> None:
    values = '<Value number="2">PRIMARY</Value><Value number="1">ORIGINAL</Value><Value number="4">AXIAL</Value>'
    assert read_native_model(document(attribute("00080008", "CS", values), namespace)) == [
        {"00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY", None, "AXIAL"]}}
    ]


def test_reads_a_person_name_by_its_groups_and_components() -> None:
    name = (
        '<PersonName number="1"><Alphabetic><FamilyName>Yamada</FamilyName><GivenName>Tarou</GivenName></Alphabetic>'
        "<Ideographic><FamilyName>山田</FamilyName><NameSuffix>三</NameSuffix></Ideographic></PersonName>"
    )
    assert only(attribute("00100010", "PN", name)) == {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^^^^三"}]}
    }


def test_reads_sequences_inline_binary_and_references() -> None:
    inner = attribute("00080100", "SH", '<Value number="1">T-1</Value>')
    content = (
        attribute("00082218", "SQ", f'<Item number="1">{inner}</Item><Item number="2"/>')
        + attribute("00420011", "OB", "<InlineBinary>AAEC\nAw==</InlineBinary>")
        + attribute("7FE00010", "OW", '<BulkData uri="http://x/1"/>')
        + attribute("00281201", "OW", '<BulkData uuid="1.2.3"/>')
        + attribute("00080090", "PN", "")
    )
    assert only(content) == {
        "00082218": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["T-1"]}}, {}]},
        "00420011": {"vr": "OB", "InlineBinary": "AAEC\nAw=="},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://x/1"},
        "00281201": {"vr": "OW", "BulkDataURI": "1.2.3"},
        "00080090": {"vr": "PN"},
    }


def test_gives_private_elements_the_block_that_their_creator_reserves() -> None:
    value = '<Value number="1">x</Value>'
    content = (
        attribute("00090011", "LO", '<Value number="1">B</Value>')
        + attribute("00090001", "LO", value, 'privateCreator="A"')
        + attribute("00090002", "LO", value, 'privateCreator="B"')
        + attribute("00091203", "LO", value, 'privateCreator="C"')
        + attribute("00090004", "LO", value, 'privateCreator="A"')
    )
    assert only(content) == {
        "00090010": {"vr": "LO", "Value": ["A"]},
        "00090011": {"vr": "LO", "Value": ["B"]},
        "00090012": {"vr": "LO", "Value": ["C"]},
        "00091001": {"vr": "LO", "Value": ["x"]},
        "00091102": {"vr": "LO", "Value": ["x"]},
        "00091203": {"vr": "LO", "Value": ["x"]},
        "00091004": {"vr": "LO", "Value": ["x"]},
    }


def test_refuses_more_private_creators_than_a_group_has_blocks() -> None:
    creators = (attribute("00090001", "LO", "", f'privateCreator="{number}"') for number in range(241))
    assert reason(document("".join(creators))) is RejectReason.NOT_DICOM


def test_takes_an_element_around_several_models_for_a_list() -> None:
    models = f"<NativeDicomModel/><NativeDicomModel>{attribute('00100020', 'LO', '')}</NativeDicomModel>"
    assert read_native_model(f"<Models>{models}</Models>".encode()) == [{}, {"00100020": {"vr": "LO"}}]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no XML",
        "<NativeDicomModel>",
        '<?xml version="1.0" encoding="klingon"?><NativeDicomModel/>',
        "<!DOCTYPE NativeDicomModel><NativeDicomModel/>",
        '<!DOCTYPE n [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><NativeDicomModel>&b;</NativeDicomModel>',
        '<!DOCTYPE n [<!ENTITY a SYSTEM "file:///etc/passwd">]><NativeDicomModel>&a;</NativeDicomModel>',
    ],
)
def test_refuses_what_is_no_xml_or_declares_a_document_type(content: str) -> None:
    assert reason(content.encode()) is RejectReason.MALFORMED_REQUEST


@pytest.mark.parametrize(
    "content",
    [
        "<html/>",
        "<html><NativeDicomModel/><p/></html>",
        "<NativeDicomModel><Value/></NativeDicomModel>",
        '<NativeDicomModel><DicomAttribute tag="PatientID"/></NativeDicomModel>',
    ],
)
def test_refuses_another_document(content: str) -> None:
    assert reason(content.encode()) is RejectReason.NOT_DICOM


@pytest.mark.parametrize(
    "content",
    [
        "<DataFragment/>",
        "<Value/><PersonName/>",
        '<BulkData uri="1"/><BulkData uri="2"/>',
        '<Value number="-1"/>',
        '<Value number="999999999"/>',
    ],
)
def test_refuses_an_attribute_with_other_content(content: str) -> None:
    assert reason(document(attribute("00080008", "CS", content))) is RejectReason.NOT_DICOM


def test_refuses_endless_nesting_and_endless_tags() -> None:
    nested = '<DicomAttribute tag="00082218" vr="SQ"><Item number="1">' * 100 + "</Item></DicomAttribute>" * 100
    assert reason(document(nested)) is RejectReason.NOT_DICOM
    assert reason(document("<a/>" * 1_000_001)) is RejectReason.TOO_LARGE
    assert reason(b"<a>" * 400_000 + b"</a>" * 400_000) is RejectReason.NOT_DICOM


names = st.sampled_from(["NativeDicomModel", "DicomAttribute", "Value", "Item", "PersonName", "Alphabetic", "x"])
attributes = st.dictionaries(
    st.sampled_from(["tag", "vr", "number", "uri", "privateCreator"]),
    st.sampled_from(["00100010", "00090001", "00082218", "SQ", "PN", "US", "1", "3", "A"]),
)


def element(name: str, given: dict[str, str], children: list[str], text: str) -> str:
    return f"<{name} {' '.join(map(XML_ATTRIBUTE, given.items()))}>{text}{''.join(children)}</{name}>"


XML_ATTRIBUTE = '%s="%s"'.__mod__
texts = st.sampled_from(["", "1", "x", "&#10;"])
elements = st.recursive(
    st.builds(element, names, attributes, st.just([]), texts),
    lambda inner: st.builds(element, names, attributes, st.lists(inner, max_size=3), texts),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), elements.map(document), elements.map(str.encode)))
def test_gives_data_sets_or_a_refusal_whatever_comes(content: bytes) -> None:
    assert outcome(content) in {None, RejectReason.NOT_DICOM, RejectReason.MALFORMED_REQUEST}


def outcome(content: bytes) -> RejectReason | None:
    try:
        for data_set in read_native_model(content):
            read_json_data_set(data_set)
    except Rejected as rejected:
        return rejected.reason
    return None
