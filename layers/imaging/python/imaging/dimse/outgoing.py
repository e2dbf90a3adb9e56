"""Messages that go out over an association, whichever side asked for it; PS3.7 Section 6.3 and PS3.8 Annex E.

The data set of a C-STORE goes out beside pynetdicom's own way of making a message, in pieces as they come from the
store: whatever its size, a few PDUs of it are in memory.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple, cast

from pynetdicom.association import Association
from pynetdicom.dimse import _RQ_TO_MESSAGE, _RSP_TO_MESSAGE
from pynetdicom.dimse_primitives import C_STORE, DIMSEPrimitive
from pynetdicom.pdu_primitives import P_DATA

from imaging.errors import Unavailable

if TYPE_CHECKING:
    from pynetdicom.dimse_messages import DimsePrimitiveType  # type: ignore[attr-defined]

_LOOK_AGAIN_SECONDS = 0.0005  # pynetdicom has nothing to wait on: neither room in its queue, nor its loop asleep
_STALLED_SECONDS = 60.0  # the peer takes nothing
_PDUS_AHEAD = 16  # in pynetdicom's queue
_LONGEST_PDU_BYTES = 128 * 1024  # also for a peer without a limit
_PDV_HEADER_BYTES = 6  # length, presentation context ID, message control header: PS3.8 Section 9.3.5.1
_OPEN = "Sta6"  # PS3.8 Table 9-4: association established and ready for data transfer


class Kind(NamedTuple):
    """What a presentation context is for."""

    sop_class_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True)
class MoveOriginator:
    """Whose C-MOVE a C-STORE is part of, PS3.7 Table 9.1-1."""

    ae_title: str
    message_id: int


class Outgoing:
    """Sends whole messages over one association, each by itself, from any thread.

    Parameters
    ----------
    next_response
        Waits for the next response of the peer; None if none comes in time.
    """

    def __init__(self, association: Association, next_response: Callable[[], DIMSEPrimitive | None]) -> None:
        self._association = association
        self._next_response = next_response
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
        kinds = _RQ_TO_MESSAGE if primitive.MessageIDBeingRespondedTo is None else _RSP_TO_MESSAGE
        message = kinds[type(primitive)]()
        message.primitive_to_message(cast("DimsePrimitiveType", primitive))
        self._send(message.encode_msg(context_id, self._longest_pdu_bytes))

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
            message = _RQ_TO_MESSAGE[C_STORE]()
            message.primitive_to_message(request)
            command = message.encode_msg(context_id, self._longest_pdu_bytes)
            self._send(itertools.chain(command, self._fragments(context_id, data_set)))
            return int(self._response_to(request).Status or 0)

    def abort(self) -> None:
        """End the association at once, if it has not ended."""
        self._association.abort()

    @property
    def _longest_pdu_bytes(self) -> int:
        return min(self._association.dimse.maximum_pdu_size or _LONGEST_PDU_BYTES, _LONGEST_PDU_BYTES)

    def _send(self, fragments: Iterable[P_DATA]) -> None:
        with self._sending:
            for fragment in fragments:
                self._wait_for_room()
                self._association.dul.send_pdu(fragment)

    def _response_to(self, request: DIMSEPrimitive) -> DIMSEPrimitive:
        response = self._next_response()
        if (
            not isinstance(response, type(request))
            or response.MessageIDBeingRespondedTo != request.MessageID
            or response.Status is None
        ):
            self.abort()
            raise Unavailable("The node did not answer a request; it is tried again.")
        return response

    def _fragments(self, context_id: int, data_set: Iterable[bytes]) -> Iterator[P_DATA]:
        previous = b""
        for fragment in _cut(data_set, self._longest_pdu_bytes - _PDV_HEADER_BYTES):
            if previous:
                yield _p_data(context_id, b"\x00", previous)
            previous = fragment
        yield _p_data(context_id, b"\x02", previous)  # the last one, PS3.8 Section E.2

    def _wait_for_room(self) -> None:
        until = time.monotonic() + _STALLED_SECONDS
        while self._association.dul.to_provider_queue.qsize() >= _PDUS_AHEAD:
            if not self.is_open or time.monotonic() > until:
                break
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            if self.is_open:
                return
        self.abort()
        raise Unavailable("The node broke off the association or takes no more; it is tried again.")


def _p_data(context_id: int, control_header: bytes, fragment: bytes) -> P_DATA:
    primitive = P_DATA()
    primitive.presentation_data_value_list.append((context_id, control_header + fragment))
    return primitive


def _cut(pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """The same bytes in pieces of that size, the last one shorter."""
    left = b""
    for piece in pieces:
        whole = left + piece if left else piece
        end = len(whole) // size_bytes * size_bytes
        for first in range(0, end, size_bytes):
            yield whole[first : first + size_bytes]
        left = whole[end:]
    if left:
        yield left
