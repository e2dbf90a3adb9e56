"""PDUs byte by byte, for what no well-behaved SCU sends; PS3.8 Section 9.3."""

import socket
from collections.abc import Iterator
from io import BytesIO

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import A_ASSOCIATE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context

A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_RELEASE_RP, A_ABORT = 0x02, 0x03, 0x06, 0x07
CONTEXT_ID = 1

A_RELEASE_RQ_PDU = bytes.fromhex("05 00 00000004 00000000")
A_ABORT_PDU = bytes.fromhex("07 00 00000004 00000000")


def association_request(called: str = "MAIN") -> bytes:
    """An A-ASSOCIATE-RQ that proposes CT images in Explicit VR Little Endian."""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title = "MODALITY"
    request.called_ae_title = called
    length = MaximumLengthNotification()
    length.maximum_length_received = 16382
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = "1.2.3"
    request.user_information = [length, implementation]
    context = build_context(CTImageStorage, ExplicitVRLittleEndian)
    context.context_id = CONTEXT_ID
    request.presentation_context_definition_list = [context]
    return A_ASSOCIATE_RQ(request).encode()


def store_request(
    data_set: bytes, sop_instance_uid: str | None = "1.2.3.4", pdu_length: int = 16382
) -> Iterator[bytes]:
    """The P-DATA-TF PDUs of a C-STORE request, the command first."""
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = CTImageStorage
    request.AffectedSOPInstanceUID = sop_instance_uid
    request.Priority = 2
    request.DataSet = BytesIO(data_set)
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    for fragment in message.encode_msg(CONTEXT_ID, 16382):
        yield P_DATA_TF(fragment).encode()


def p_data(control_header: int, fragment: bytes, context_id: int = CONTEXT_ID) -> bytes:
    """A P-DATA-TF PDU with one fragment."""
    item = (len(fragment) + 2).to_bytes(4, "big") + bytes([context_id, control_header]) + fragment
    return b"\x04\x00" + len(item).to_bytes(4, "big") + item


def connect(port: int) -> socket.socket:
    """A connection, nothing more."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def associate(port: int, called: str = "MAIN") -> socket.socket:
    """A connection with an established association."""
    connection = connect(port)
    associate_over(connection, called)
    return connection


def associate_over(connection: socket.socket, called: str = "MAIN") -> None:
    """Establish an association."""
    connection.sendall(association_request(called))
    assert read_pdu(connection)[0] == A_ASSOCIATE_AC


def read_pdu(connection: socket.socket) -> bytes:
    """The next PDU whole; empty if the peer has gone."""
    head = _read(connection, 6)
    return head + _read(connection, int.from_bytes(head[2:6], "big")) if len(head) == 6 else b""


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        try:
            more = connection.recv(size - len(found))
        except ConnectionResetError:
            return b""
        if not more:
            return found
        found += more
    return found
