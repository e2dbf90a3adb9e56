"""The upper layer service of an association, PS3.8: pynetdicom's state machine, woken instead of asking.

pynetdicom looks a thousand times a second for something to do, and copies what is received half a dozen times. Here
one thread sleeps in the kernel until the peer or we have something to say. What is said while the association stands,
P-DATA, goes past the state machine, which it leaves where it is: PS3.8 Table 9-10, Sta6 with Evt9 and Evt10.
"""

import queue
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from struct import pack, unpack

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ABORT_RQ
from pynetdicom.pdu_primitives import _PDUPrimitiveType
from pynetdicom.transport import T_CONNECT, AssociationSocket

from imaging.dimse.incoming import IncomingMessages
from imaging.dimse.patience import GivenUp, Patience
from imaging.dimse.pdus import (
    A_ASSOCIATE_RQ,
    P_DATA_TF,
    PDU_HEADER_BYTES,
    PDV_HEADER_BYTES,
    ProtocolViolation,
    check_length,
    check_proposed_contexts,
)
from imaging.dimse.wire import Wire, wire_over

_LINGER_SECONDS = 1.0  # for the peer to read our last word before the connection is closed
_LINGER_BYTES = 64 * 1024

# PS3.8 Table 9-10
_CONNECTION_CONFIRMED, _CONNECTION_CLOSED, _TIMER_EXPIRED, _INVALID_PDU = "Evt2", "Evt17", "Evt18", "Evt19"
_AWAITS_REQUEST, _ESTABLISHED, _RELEASE_ASKED_FOR, _AWAITS_CLOSE = "Sta2", "Sta6", "Sta8", "Sta13"
_TO_COME_OR_ESTABLISHED = {"Sta2", "Sta3", "Sta4", "Sta5", _ESTABLISHED}


class WireSocket(AssociationSocket):
    """What pynetdicom's state machine sends by and closes."""

    def __init__(
        self, association: Association, connection: socket.socket, wire: Wire, given_up: Callable[[], bool]
    ) -> None:
        super().__init__(association, client_socket=connection)
        self._wire = wire
        self._given_up = given_up
        self.writing = threading.RLock()  # one PDU is never in the middle of another

    def connect(self, primitive: T_CONNECT) -> None:
        """Confirm that there is a connection, where it is we who ask: PS3.8 Table 9-10, Evt2."""
        primitive.result = _CONNECTION_CONFIRMED
        self.provider_queue.put(primitive)

    def send(self, bytestream: bytes) -> None:
        """Send all of it, or find out that the connection has ended."""
        with self.writing:
            patience = Patience(self._given_up)
            patience.extend_for(len(bytestream))
            try:
                self._wire.write(bytestream, patience)
            except (OSError, GivenUp):
                self.event_queue.put(_CONNECTION_CLOSED)


class UpperLayer(DULServiceProvider):
    """One association's.

    Attributes
    ----------
    is_reading
        Whether the peer is in the middle of a PDU.
    has_ended
        Nothing is received or sent any more.

    Parameters
    ----------
    on_fault
        Hears of a failure of ours that nobody foresaw; the association is aborted.
    """

    def __init__(
        self, association: Association, connection: socket.socket, on_fault: Callable[[Exception], None]
    ) -> None:
        super().__init__(association)
        self.daemon = True  # a connection must not keep the process alive
        self._last_heard = time.monotonic()
        self.is_reading = False
        self.has_ended = False
        self._connection = connection
        self._descriptor = connection.fileno()  # also when somebody has closed it
        self._wire = wire_over(connection)
        self._on_fault = on_fault
        self._alarm, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        self._listens, self._is_deaf = select.poll(), select.poll()
        self._listens.register(connection, select.POLLIN)
        for poll in (self._listens, self._is_deaf):
            poll.register(self._alarm, select.POLLIN)

    def indicate_connection(self) -> None:
        """Take the connection as that of an association to come, PS3.8 Table 9-10, Evt5."""
        self.socket = self._shared = WireSocket(self.assoc, self._connection, self._wire, self._is_given_up)

    @property
    def last_heard(self) -> float:
        """When the peer last sent something, by `time.monotonic`: now, while it sends a PDU."""
        return time.monotonic() if self.is_reading else self._last_heard

    @property
    def is_established(self) -> bool:
        """Whether requests may be sent, PS3.8 Table 9-10, Sta6."""
        return bool(self.state_machine.current_state == _ESTABLISHED)

    @property
    def may_answer(self) -> bool:
        """Whether responses may be sent: also to a peer that has asked for release already, Sta8."""
        return self.state_machine.current_state in {_ESTABLISHED, _RELEASE_ASKED_FOR}

    @property
    def messages(self) -> IncomingMessages:
        """Where what comes in goes."""
        messages = self.assoc.dimse
        assert isinstance(messages, IncomingMessages)
        return messages

    def wake(self) -> None:
        """Let it look for what there is to do."""
        with suppress(OSError):  # it is awake, or has ended
            self._bell.send(b"\0")

    def kill_dul(self) -> None:
        """End the thread; pynetdicom calls it by this name."""
        super().kill_dul()
        self.wake()

    def send_pdu(self, primitive: _PDUPrimitiveType) -> None:
        """Let the state machine send a primitive; what makes up messages goes out by `send_at_once`."""
        super().send_pdu(primitive)
        self.wake()

    def send_at_once(self, pdus: bytes) -> None:
        """Send P-DATA-TF PDUs, one or several, if anything can be sent; it takes as long as the peer takes."""
        with self._shared.writing:
            if self.may_answer:
                self._shared.send(pdus)
        if not self.event_queue.empty():
            self.wake()

    def run_reactor(self) -> None:
        """Do what there is to do until the association has ended; the thread's own."""
        self.assoc._dul_ready.set()
        try:
            while not self._kill_thread:
                self._take_turn()
        except Exception as failure:  # the outermost guard of this thread: it ends one association
            self._on_fault(failure)
            with suppress(OSError, GivenUp):
                self._wire.write(_abort(), Patience(lambda: False, seconds=0))
            self.assoc.is_aborted, self.assoc.is_established = True, False
        finally:
            self.has_ended = True
            self.messages.close()
            self.messages.wake()
            self.to_user_queue.put(None)  # who still waits for a request shall not
            self._alarm.close()
            self._bell.close()

    def _take_turn(self) -> None:
        state = self.state_machine.current_state
        if self.event_queue.empty():
            if state == _AWAITS_CLOSE:
                self._linger()
            elif state == _AWAITS_REQUEST and self.artim_timer.expired:
                self.event_queue.put(_TIMER_EXPIRED)
            elif not self._process_recv_primitive() and self._is_spoken_to():
                self._read_pdu()
        with suppress(queue.Empty):
            event = self.event_queue.get_nowait()
            with self._shared.writing:
                self.state_machine.do_action(event)
            if self.state_machine.current_state not in _TO_COME_OR_ESTABLISHED:
                self.messages.wake()

    def _is_spoken_to(self) -> bool:
        """Wait until there is something to read, or to do."""
        is_full = self.messages.is_full
        if self._wire.has_more and not is_full:
            return True
        waits = None
        if self.state_machine.current_state == _AWAITS_REQUEST:
            waits = max(self.artim_timer.remaining, 0.001) * 1000
        ready = {descriptor for descriptor, _ in (self._is_deaf if is_full else self._listens).poll(waits)}
        if self._alarm.fileno() in ready:
            self._alarm.recv(4096)
        return self._descriptor in ready

    def _read_pdu(self) -> None:
        """Read what the peer says, or what has become of it, for the state machine or past it."""
        awaits_request = self.state_machine.current_state == _AWAITS_REQUEST
        patience = Patience(self._is_interrupted, self.artim_timer.remaining if awaits_request else None)
        self.is_reading = True
        try:
            kind, length = unpack(">BxL", self._wire.read(PDU_HEADER_BYTES, patience))
            check_length(kind, length)
            if not awaits_request:
                patience.extend_for(length)
            if kind == P_DATA_TF and self.is_established:
                self._read_p_data(length, patience)
            else:
                self._read_other(kind, length, patience)
        except GivenUp:
            pass  # what it was given up for is what there is to do
        except ProtocolViolation:
            self.event_queue.put(_INVALID_PDU)
        except OSError:
            self.event_queue.put(_CONNECTION_CLOSED)
        finally:
            self._last_heard = time.monotonic()
            self.is_reading = False

    def _read_p_data(self, length: int, patience: Patience) -> None:
        """Hand on each fragment as it stands in the PDU, PS3.8 Section 9.3.5."""
        while length:
            if length < PDV_HEADER_BYTES:
                raise ProtocolViolation
            item_length, context_id, control_header = unpack(">LBB", self._wire.read(PDV_HEADER_BYTES, patience))
            fragment_bytes = item_length - 2
            length -= PDV_HEADER_BYTES + fragment_bytes
            if fragment_bytes < 0 or length < 0:
                raise ProtocolViolation
            fragment = self._wire.read(fragment_bytes, patience) if fragment_bytes else b""
            self.messages.receive(context_id, control_header, fragment)

    def _read_other(self, kind: int, length: int, patience: Patience) -> None:
        encoded = pack(">BxL", kind, length) + self._wire.read(length, patience)
        if kind == A_ASSOCIATE_RQ:
            check_proposed_contexts(encoded)
        try:
            pdu, event = self._decode_pdu(bytearray(encoded))
            pdu.to_primitive()  # the state machine will, and shall not fail
        except Exception:  # pynetdicom says in many ways that it cannot read what a stranger sends
            raise ProtocolViolation from None
        self._recv_pdu.put(pdu)
        self.event_queue.put(event)

    def _is_given_up(self) -> bool:
        return bool(self._kill_thread or self.assoc.is_aborted)

    def _is_interrupted(self) -> bool:
        return self._is_given_up() or not self.event_queue.empty()  # who writes has found the connection closed

    def _linger(self) -> None:
        """Let the peer read our last word: a connection that is closed before it has read all is reset."""
        with suppress(OSError):
            self._wire.finish()
            until = time.monotonic() + _LINGER_SECONDS
            silent = select.poll()
            silent.register(self._connection, select.POLLIN)
            while (left := until - time.monotonic()) > 0 and silent.poll(left * 1000):
                if not self._connection.recv(_LINGER_BYTES):
                    break
        self._shared.close()
        if self.event_queue.empty():
            self.event_queue.put(_CONNECTION_CLOSED)


def _abort() -> bytes:
    """An A-ABORT PDU of the service provider, reason not specified: PS3.8 Section 9.3.8."""
    pdu = A_ABORT_RQ()
    pdu.source, pdu.reason_diagnostic = 0x02, 0x00
    encoded: bytes = pdu.encode()
    return encoded
