"""Messages as they come in, fragment by fragment; PS3.8 Annex E and PS3.7 Section 6.3."""

import queue
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Protocol, cast, runtime_checkable

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider, _QueueItem
from pynetdicom.dimse_primitives import C_CANCEL, C_STORE, N_ACTION, N_EVENT_REPORT, DIMSEPrimitive
from pynetdicom.pdu_primitives import P_DATA

from imaging.dimse.command_set import Command, data_set_of, decode_command
from imaging.dimse.pdus import ProtocolViolation
from imaging.dimse.spool import Spool

_UNANSWERED_REQUESTS = 2
"""The one that is being answered, and one more; PS3.7 D.3.3.3: nobody may send a second one without asking."""

_UNTAKEN_RESPONSES = 4
_MAX_COMMAND_BYTES = 64 * 1024
_MAX_IDENTIFIER_BYTES = 1024 * 1024  # fifteen thousand UIDs
_MAX_ACTION_INFORMATION_BYTES = 16 * 1024 * 1024  # 65,535 references of a storage commitment, PS3.4 Annex J, and some

_COMMAND, _LAST = 0x01, 0x02  # of the message control header, PS3.8 Section E.2


@runtime_checkable
class Spooling(Protocol):
    """A service that does not want its requests' data sets in memory."""

    def spool(self, request: C_STORE, transfer_syntax_uid: str) -> BytesIO:
        """Make what the data set of a request is written to; the service or the association closes it."""


class IncomingMessages(DIMSEServiceProvider):
    """Takes messages in: requests for the association to serve, responses for whoever asked.

    The upper layer's thread gives it fragments, the association's takes whole
    messages. A few wait at most; a cancellation finds its request all the same.

    Parameters
    ----------
    spooling
        Makes the data set of a C-STORE request; None: it is held in memory.
    read_on
        Called when it is full no more.
    """

    def __init__(self, association: Association, spooling: Spooling | None, read_on: Callable[[], None]) -> None:
        super().__init__(association)
        self._spooling = spooling
        self._read_on = read_on
        self._responses: queue.Queue[DIMSEPrimitive | None] = queue.Queue()
        self._event_responses: queue.Queue[DIMSEPrimitive | None] = queue.Queue()
        self._unanswered: list[int | None] = []
        self._context_id: int | None = None
        self._encoded_command = b""
        self._command: Command | None = None
        self._data_set: BytesIO | None = None

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be read until a request has been answered."""
        return len(self._unanswered) >= _UNANSWERED_REQUESTS

    @property
    def is_idle(self) -> bool:
        """Whether no request waits for its last response, and no message has come in part."""
        return not self._unanswered and self._context_id is None

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the fragments of a PDU; pynetdicom calls it by this name."""
        for context_id, fragment in primitive.presentation_data_value_list:
            self.receive(context_id, fragment[0], fragment[1:])

    def receive(self, context_id: int, control_header: int, fragment: bytes) -> None:
        """Take the next fragment.

        Raises
        ------
        ProtocolViolation
            It is not one that may come next.
        """
        if context_id not in self.assoc._accepted_cx or self._context_id not in {None, context_id}:
            raise ProtocolViolation
        self._context_id = context_id
        if control_header & _COMMAND:
            self._receive_command(fragment, is_last=bool(control_header & _LAST))
        else:
            self._receive_data_set(fragment, is_last=bool(control_header & _LAST))

    def wake(self) -> None:
        """Let nobody wait for a message any longer: the association is coming to its end."""
        self.msg_queue.put((None, None))
        self._responses.put(None)
        self._event_responses.put(None)

    def wait(self, seconds: float | None) -> _QueueItem:
        """Wait for a request, and return it with its presentation context's ID, or two None."""
        try:
            return self.msg_queue.get(timeout=seconds)
        except queue.Empty:
            return None, None

    def next_response(self) -> DIMSEPrimitive | None:
        """Wait for the response to a request of ours; None if none comes in time."""
        try:
            return self._responses.get(timeout=self.dimse_timeout)
        except queue.Empty:
            return None

    def next_event_response(self, seconds: float) -> DIMSEPrimitive | None:
        """Wait for the response to a notification of ours, beside other responses; None if none comes in time."""
        try:
            return self._event_responses.get(timeout=seconds)
        except queue.Empty:
            return None

    def answered(self, request: DIMSEPrimitive) -> None:
        """Forget a request: it has its answer, or will never have one."""
        nothing_was_read = self.is_full
        self._unanswered.remove(request.MessageID)
        self.cancel_req.pop(cast(int, request.MessageID), None)
        _let_go(request)
        if nothing_was_read:
            self._read_on()

    def close(self) -> None:
        """Let go of what nobody will take any more."""
        if self._data_set is not None:
            self._data_set.close()
        with suppress(queue.Empty):
            while True:
                _, request = self.msg_queue.get_nowait()
                if request is not None:
                    _let_go(request)

    def _begin_anew(self) -> None:
        self._context_id, self._encoded_command, self._command, self._data_set = None, b"", None, None

    def _receive_command(self, fragment: bytes, *, is_last: bool) -> None:
        self._encoded_command += fragment
        if self._command or len(self._encoded_command) > _MAX_COMMAND_BYTES:
            raise ProtocolViolation
        if not is_last:
            return
        try:
            self._command = decode_command(self._encoded_command)
        except (ValueError, TypeError):
            raise ProtocolViolation from None
        if self._command.has_data_set:
            if not self._command.data_set_keyword:
                raise ProtocolViolation
            self._data_set = self._place_for(self._command.primitive)
        else:
            self._complete()

    def _place_for(self, primitive: DIMSEPrimitive) -> BytesIO:
        if self._spooling and type(primitive) is C_STORE:
            context = self.assoc._accepted_cx[cast(int, self._context_id)]
            return self._spooling.spool(primitive, str(context.transfer_syntax[0]))
        if type(primitive) is N_ACTION:
            return Spool(b"", _MAX_ACTION_INFORMATION_BYTES)
        return BytesIO()

    def _receive_data_set(self, fragment: bytes, *, is_last: bool) -> None:
        if self._data_set is None:
            raise ProtocolViolation
        self._data_set.write(fragment)
        if type(self._data_set) is BytesIO and self._data_set.tell() > _MAX_IDENTIFIER_BYTES:
            raise ProtocolViolation
        if is_last:
            self._complete()

    def _complete(self) -> None:
        command, context_id = cast(Command, self._command), cast(int, self._context_id)
        primitive = command.primitive
        if command.data_set_keyword and self._data_set is not None:
            setattr(primitive, command.data_set_keyword, self._data_set)
        self._begin_anew()
        if isinstance(primitive, C_CANCEL):
            cancelled = primitive.MessageIDBeingRespondedTo
            if cancelled in self._unanswered:
                self.cancel_req[cast(int, cancelled)] = primitive
        elif command.is_response:
            responses = self._event_responses if isinstance(primitive, N_EVENT_REPORT) else self._responses
            if responses.qsize() >= _UNTAKEN_RESPONSES:
                raise ProtocolViolation
            responses.put(primitive)
        else:
            if self.is_full:  # all of them in one PDU; what is in the next one is not read before there is room
                _let_go(primitive)
                raise ProtocolViolation
            self._unanswered.append(primitive.MessageID)
            self.msg_queue.put((context_id, primitive))  # type: ignore[arg-type]  # no C-CANCEL comes here


def _let_go(request: DIMSEPrimitive) -> None:
    if (data_set := data_set_of(request)) is not None:
        data_set.close()
