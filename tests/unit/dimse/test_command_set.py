"""Command sets, beside those that pynetdicom makes and reads."""

from io import BytesIO
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pynetdicom import dimse_messages
from pynetdicom.dimse_messages import _COMMAND_SET_KEYWORDS, DIMSEMessage
from pynetdicom.dsutils import encode

from imaging.dimse.command_set import data_set_of, decode_command, encode_command

VALUES = {
    "MessageID": 7,
    "MessageIDBeingRespondedTo": 65535,
    "AffectedSOPClassUID": "1.2.840.10008.1.1",
    "AffectedSOPInstanceUID": "1.2.3.45",
    "RequestedSOPClassUID": "1.2.840.10008.1.20.1",
    "RequestedSOPInstanceUID": "1.2.840.10008.1.20.1.1",
    "Priority": 1,
    "Status": 0xA900,
    "ErrorComment": "odd",
    "ErrorID": 3,
    "OffendingElement": [0x00100020, 0x0020000D],
    "AttributeIdentifierList": [0x00100020, 0x0020000D],
    "MoveDestination": "STORE SCP",
    "MoveOriginatorApplicationEntityTitle": "ASKER",
    "MoveOriginatorMessageID": 9,
    "NumberOfRemainingSuboperations": 4,
    "NumberOfCompletedSuboperations": 3,
    "NumberOfFailedSuboperations": 2,
    "NumberOfWarningSuboperations": 1,
    "EventTypeID": 2,
    "ActionTypeID": 1,
}
KINDS = [cls for name, cls in vars(dimse_messages).items() if name.endswith(("_RQ", "_RSP")) and isinstance(cls, type)]


def message_of(kind: type[DIMSEMessage], *, whole: bool) -> tuple[DIMSEMessage, object]:
    """pynetdicom's message, and the primitive it stands for; with all its elements, or with few."""
    message = kind()
    name = kind.__name__
    primitive = dimse_messages._MSG_TO_PRIMITVE[name.rsplit("_", 1)[0]]()
    for keyword in _COMMAND_SET_KEYWORDS[name.replace("_", "-")]:
        if keyword in VALUES and (whole or keyword.startswith("MessageID")):
            setattr(primitive, keyword, VALUES[keyword])
    if name in dimse_messages._DATASET_KEYWORDS and whole:
        setattr(primitive, dimse_messages._DATASET_KEYWORDS[name], BytesIO(b"data"))
    message.primitive_to_message(primitive)
    return message, primitive


def test_all_kinds_of_messages_are_tried():
    assert len(KINDS) == 23  # PS3.7 Section E.1: eleven pairs, and C-CANCEL


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_command_set_is_what_pynetdicom_makes_of_the_same_message(kind, whole):
    message, primitive = message_of(kind, whole=whole)
    encoded = encode(message.command_set, True, True)
    assert encode_command(primitive) == encoded
    command = decode_command(encoded)
    assert type(command.primitive) is type(primitive)
    assert command.is_response == kind.__name__.endswith("_RSP")
    assert command.has_data_set == (data_set_of(primitive) is not None)
    assert encode_command_without_data(command.primitive) == encode_command_without_data(primitive)


def encode_command_without_data(primitive) -> dict[str, object]:
    return {
        keyword: getattr(primitive, keyword)
        for keyword in VALUES
        if getattr(primitive, keyword, None) not in (None, "", [])
    }


def test_what_devices_add_cut_or_pad_otherwise_is_borne():
    ds = Dataset()
    ds.CommandField, ds.MessageID, ds.CommandDataSetType, ds.Priority = 0x0001, 5, 1, 0
    ds.AffectedSOPClassUID, ds.AffectedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3 "
    ds.add_new(0x00000001, "UL", 4)  # retired, PS3.7 Section E.2
    ds.add_new(0x00001005, "AT", [])
    command = decode_command(encode(ds, True, True))
    assert (command.primitive.MessageID, command.primitive.AffectedSOPInstanceUID) == (5, "1.2.3")
    assert (command.data_set_keyword, command.has_data_set) == ("DataSet", True)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\0" * 7,
        pack("<HHLH", 0, 0x0100, 2, 0x0001),  # without Command Data Set Type
        pack("<HHLH", 0, 0x0100, 2, 0x7777) + pack("<HHLH", 0, 0x0800, 2, 0x0101),  # no such message
        pack("<HHLH", 0, 0x0100, 2, 0x0030) + pack("<HHLB", 0, 0x0800, 1, 1),  # a number of one byte
        pack("<HHLH", 0, 0x0100, 999, 0x0030),  # beyond the end
        pack("<HHLH", 8, 0x0100, 2, 0x0030),  # of another group
        pack("<HHLHHHLHHHLH", 0, 0x0100, 2, 1, 0, 0x0700, 2, 99, 0, 0x0800, 2, 0x0101),  # of no such priority
    ],
)
def test_what_is_no_command_set_is_a_value_error(encoded):
    with pytest.raises(ValueError, match=r"command set|Priority"):
        decode_command(encoded)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(encoded):
    try:
        decode_command(encoded)
    except (ValueError, TypeError):
        return
