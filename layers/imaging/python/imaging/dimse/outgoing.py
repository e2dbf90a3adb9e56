"""Messages that go out over an association, whichever side asked for it; PS3.7 Section 6.3 and PS3.8 Annex E.

The data set of a C-STORE goes out in pieces as they come from the store: whatever its size, a few PDUs of it are in
memory. The thread that has something to say writes it to the connection itself, many PDUs at once.
"""

import itertools
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from struct import Struct
from typing import NamedTuple, TypeAlias

from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE, DIMSEPrimitive

from imaging.dicom.transfer_syntaxes import is_deflated
from imaging.dimse.command_set import data_set_of, encode_command
from imaging.dimse.incoming import IncomingMessages
from imaging.dimse.upper_layer import UpperLayer
from imaging.errors import Unavailable

_LONGEST_PDU_BYTES = 128 * 1024  # also for a peer without a limit
_SHORTEST_PDU_BYTES = 64  # of a peer that names less, PS3.8 Section D.1 leaves no room for a PDV
_WRITTEN_AT_ONCE_BYTES = 512 * 1024
_PDV_HEADER_BYTES = 6  # length, presentation context ID, message control header: PS3.8 Section 9.3.5.1
_PDU_HEADER = Struct(">BxLLBB")
_P_DATA_TF = 0x04
_DATA_SET, _COMMAND, _LAST = 0x00, 0x01, 0x02
_OPEN = "Sta6"  # PS3.8 Table 9-4: association established and ready for data transfer

Buffer: TypeAlias = bytes | memoryview


class Kind(NamedTuple):
    """What a presentation context is for."""

    sop_class_uid: str
    transfer_syntax_uid: str


class DataValue(NamedTuple):
    """A presentation data value, PS3.8 Section 9.3.5.1, with the bits of its message control header (Annex E.2)."""

    context_id: int
    control: int
    fragment: Buffer

    def as_pdu(self) -> tuple[Buffer, Buffer]:
        """The P-DATA-TF PDU with this value alone, PS3.8 Table 9-22, its header first."""
        length = len(self.fragment) + 2
        return _PDU_HEADER.pack(_P_DATA_TF, length + 4, length, self.context_id, self.control), self.fragment


@dataclass(frozen=True)
class MoveOriginator:
    """Whose C-MOVE a C-STORE is part of, PS3.7 Table 9.1-1."""

    ae_title: str
    message_id: int


class Outgoing:
    """Sends whole messages over one association, each by itself, from any thread.

    Parameters
    ----------
    messages
        Where responses come in.
    """

    def __init__(self, association: Association, upper_layer: UpperLayer, messages: IncomingMessages) -> None:
        self._association = association
        self._upper_layer = upper_layer
        self._next_response = messages.next_response
        self._message_ids = itertools.cycle(range(1, 65536))
        self._sending = threading.RLock()
        self._asking = threading.RLock()

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        association = self._association
        return bool(association.is_established and association.dul.state_machine.current_state == _OPEN)

    def send(self, primitive: DIMSEPrimitive, context_id: int) -> None:
        """Send a message that is in memory: a response, or a request that `ask` waits for.

        Raises
        ------
        Unavailable
            The association ended, or the peer takes nothing.
        """
        data_set = data_set_of(primitive)
        self._send(primitive, context_id, None if data_set is None else [data_set.getvalue()])

    def ask(self, request: DIMSEPrimitive, context_id: int) -> DIMSEPrimitive:
        """Send a request, which gets its Message ID here, and return the response to it.

        Raises
        ------
        Unavailable
            The association ended, or no response came in time: then it is aborted.
        """
        with self._asking:
            request.MessageID = next(self._message_ids)
            self.send(request, context_id)
            return self._response_to(request)

    def store(
        self,
        context_id: int,
        kind: Kind,
        sop_instance_uid: str,
        data_set: Iterable[bytes],
        originator: MoveOriginator | None = None,
    ) -> int:
        """Send an instance, PS3.7 Section 9.1.1.

        Parameters
        ----------
        data_set
            Its bytes in order, none of the pieces empty.

        Returns
        -------
        int
            The Status (0000,0900) of the response.

        Raises
        ------
        Unavailable
            As `ask`. What `data_set` raises goes through; the association is of no use after it.
        """
        request = C_STORE()
        request.Priority = 0
        request.AffectedSOPClassUID = kind.sop_class_uid
        request.AffectedSOPInstanceUID = sop_instance_uid
        request.DataSet = BytesIO()  # one will follow
        if originator:
            request.MoveOriginatorApplicationEntityTitle = originator.ae_title
            request.MoveOriginatorMessageID = originator.message_id
        with self._asking:
            request.MessageID = next(self._message_ids)
            is_whole = not is_deflated(kind.transfer_syntax_uid)
            self._send(request, context_id, data_set if is_whole else _to_even_length(data_set))
            return int(self._response_to(request).Status or 0)

    def abort(self) -> None:
        """End the association at once, if it has not ended."""
        self._association.abort()

    @property
    def _longest_pdu_bytes(self) -> int:
        """Even, as all fragments of a message have to be: PS3.8 Section E.2."""
        longest = self._association.dimse.maximum_pdu_size or _LONGEST_PDU_BYTES
        return max(min(longest, _LONGEST_PDU_BYTES) & ~1, _SHORTEST_PDU_BYTES)

    def _send(self, primitive: DIMSEPrimitive, context_id: int, data_set: Iterable[bytes] | None) -> None:
        values = _values_of(context_id, _COMMAND, [encode_command(primitive)], self._longest_pdu_bytes)
        if data_set is not None:
            values = itertools.chain(values, _values_of(context_id, _DATA_SET, data_set, self._longest_pdu_bytes))
        with self._sending:
            for pdus in _joined(values):
                if self.is_open:
                    self._upper_layer.send_at_once(pdus)
                if not self.is_open:
                    self.abort()
                    raise Unavailable("The node broke off the association or takes no more; its log says why.")

    def _response_to(self, request: DIMSEPrimitive) -> DIMSEPrimitive:
        response = self._next_response()
        if (
            not isinstance(response, type(request))
            or response.MessageIDBeingRespondedTo != request.MessageID
            or response.Status is None
        ):
            self.abort()
            raise Unavailable("The node did not answer a request; its log says why.")
        return response


def _joined(values: Iterable[DataValue]) -> Iterator[bytes]:
    """As PDUs of one value each, several of them together."""
    pieces: list[Buffer] = []
    size_bytes = 0
    for value in values:
        pieces += value.as_pdu()
        size_bytes += len(value.fragment)
        if size_bytes >= _WRITTEN_AT_ONCE_BYTES:
            yield b"".join(pieces)
            pieces, size_bytes = [], 0
    if pieces:
        yield b"".join(pieces)


def _values_of(context_id: int, control: int, content: Iterable[bytes], longest_pdu_bytes: int) -> Iterator[DataValue]:
    previous: Buffer | None = None
    for fragment in _cut(content, longest_pdu_bytes - _PDV_HEADER_BYTES):
        if previous is not None:
            yield DataValue(context_id, control, previous)
        previous = fragment
    yield DataValue(context_id, control | _LAST, previous or b"")


def _to_even_length(deflated: Iterable[bytes]) -> Iterator[bytes]:
    """With the NUL that PS3.5 Section A.5 asks for, where the file has none: its end is told by the stream itself."""
    size_bytes = 0
    for piece in deflated:
        size_bytes += len(piece)
        yield piece
    if size_bytes % 2:
        yield b"\0"


def _cut(pieces: Iterable[bytes], size_bytes: int) -> Iterator[Buffer]:
    """The same bytes in pieces of that size, the last one shorter."""
    left = b""
    for piece in pieces:
        view = memoryview(piece)
        if left:
            missing = size_bytes - len(left)
            left, view = left + view[:missing], view[missing:]
            if len(left) < size_bytes:
                continue
            yield left
        end = len(view) // size_bytes * size_bytes
        for first in range(0, end, size_bytes):
            yield view[first : first + size_bytes]
        left = bytes(view[end:])
    if left:
        yield left
