"""Messages that go out over an association, whichever side asked for it; PS3.7 Section 6.3 and PS3.8 Annex E.

The data set of a C-STORE goes out in pieces as they come from the store: whatever its size, a few PDUs of it are in
memory. The thread that has something to say writes it to the connection itself, many PDUs at once.
"""

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from struct import Struct
from typing import NamedTuple, TypeAlias

from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE, N_EVENT_REPORT, DIMSEPrimitive

from imaging.dicom.transfer_syntaxes import is_deflated
from imaging.dimse.command_set import data_set_of, encode_command
from imaging.dimse.incoming import IncomingMessages
from imaging.dimse.pdus import P_DATA_TF, PDV_HEADER_BYTES
from imaging.dimse.upper_layer import UpperLayer
from imaging.errors import Unavailable

_LONGEST_PDU_BYTES = 128 * 1024  # also for a peer without a limit
_SHORTEST_PDU_BYTES = 64  # of a peer that names less, PS3.8 Section D.1 leaves no room for a PDV
_WRITTEN_AT_ONCE_BYTES = 512 * 1024
_PDU_HEADER = Struct(">BxLLBB")
_DATA_SET, _COMMAND, _LAST = 0x00, 0x01, 0x02
_A_MOMENT_SECONDS = 0.5

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
        return _PDU_HEADER.pack(P_DATA_TF, length + 4, length, self.context_id, self.control), self.fragment


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
        self._next_event_response = messages.next_event_response
        self._message_ids = itertools.cycle(range(1, 65536))
        self._sending = threading.RLock()
        self._asking = threading.RLock()
        self._notifying = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether something can be asked."""
        return self._association.is_established and self._upper_layer.is_established

    @property
    def may_answer(self) -> bool:
        """Whether something can be answered: also what was asked before the peer asked for release."""
        return self._association.is_established and self._upper_layer.may_answer

    def send(self, primitive: DIMSEPrimitive, context_id: int) -> None:
        """Send a message that is in memory: a response, or a notification that is waited for.

        Raises
        ------
        Unavailable
            The association ended, or the peer takes nothing.
        """
        data_set = data_set_of(primitive)
        self._send(primitive, context_id, None if data_set is None else [data_set.getvalue()])

    def send_each(self, primitive: DIMSEPrimitive, context_id: int, data_sets: Iterable[bytes]) -> None:
        """Send a message with a data set again and again, with each of these, as many as possible written together.

        Raises
        ------
        Unavailable
            As `send`.
        """
        command, longest = [encode_command(primitive)], self._longest_pdu_bytes
        values = (
            value
            for data_set in data_sets
            for control, content in ((_COMMAND, command), (_DATA_SET, [data_set]))
            for value in _values_of(context_id, control, content, longest)
        )
        self._write(primitive, values)

    @property
    def is_notifying(self) -> bool:
        """Whether a notification has not been answered yet."""
        return self._notifying.locked()

    def notify(
        self, event: N_EVENT_REPORT, context_id: int, idle_seconds: Callable[[], float] = lambda: math.inf
    ) -> int | None:
        """Send a notification, PS3.7 Section 10.1.1, one at a time and while nothing else goes on.

        Parameters
        ----------
        event
            It gets its Message ID here.
        idle_seconds
            For how long nothing else has gone on: a peer that is in the middle
            of something is not told, or answers when it is done.

        Returns
        -------
        int or None
            The Status (0000,0900) of the response; None if it was not sent.

        Raises
        ------
        Unavailable
            The association ended, or no response came while nothing else went on: then it is aborted.
        """
        with self._notifying:
            if not idle_seconds():
                return None
            event.MessageID = next(self._message_ids)
            self.send(event, context_id)
            sent = time.monotonic()
            while self.is_open and not self._is_late(min(time.monotonic() - sent, idle_seconds())):
                response = self._next_event_response(_A_MOMENT_SECONDS)
                if response and response.MessageIDBeingRespondedTo == event.MessageID and response.Status is not None:
                    return int(response.Status)
        self.abort()
        raise Unavailable("The node did not answer a notification; its log says why.")

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
            The association ended, or no response came in time: then it is aborted. What `data_set` raises goes
            through; the association is of no use after it.
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

    def abort(self, *, block: bool = True) -> None:
        """End the association at once, if it has not ended; `block` waits for that."""
        self._association.abort(block)

    @property
    def _longest_pdu_bytes(self) -> int:
        """Even, as all fragments of a message have to be: PS3.8 Section E.2."""
        longest = self._association.dimse.maximum_pdu_size or _LONGEST_PDU_BYTES
        return max(min(longest, _LONGEST_PDU_BYTES) & ~1, _SHORTEST_PDU_BYTES)

    def _send(self, primitive: DIMSEPrimitive, context_id: int, data_set: Iterable[bytes] | None) -> None:
        values = _values_of(context_id, _COMMAND, [encode_command(primitive)], self._longest_pdu_bytes)
        if data_set is not None:
            values = itertools.chain(values, _values_of(context_id, _DATA_SET, data_set, self._longest_pdu_bytes))
        self._write(primitive, values)

    def _write(self, primitive: DIMSEPrimitive, values: Iterable[DataValue]) -> None:
        with self._sending:
            for pdus in _joined(values):
                if self._takes(primitive):
                    self._upper_layer.send_at_once(pdus)
                if not self._takes(primitive):
                    self.abort()
                    raise Unavailable("The node broke off the association or takes no more; its log says why.")

    def _is_late(self, seconds: float) -> bool:
        timeout = self._association.dimse_timeout
        return timeout is not None and seconds > timeout

    def _takes(self, primitive: DIMSEPrimitive) -> bool:
        is_response = primitive.MessageIDBeingRespondedTo is not None
        return self.may_answer if is_response else self.is_open

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
    for fragment in _cut(content, longest_pdu_bytes - PDV_HEADER_BYTES):
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
