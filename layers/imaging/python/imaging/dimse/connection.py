"""Accepted connections: answered at once, waited for in the kernel, bounded; the transport below PS3.8 Section 9."""

import queue
import select
import socket
import socketserver
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy

from pynetdicom import AE, evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider, _QueueItem
from pynetdicom.dimse_primitives import DIMSEPrimitive
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from imaging.dimse.accepted_association import AcceptedAssociation, Serving
from imaging.dimse.outgoing import Outgoing

MAX_PDU_LENGTH_BYTES = 128 * 1024  # what we ask for, PS3.8 D.1; no limit at all is no faster
_MAX_RECEIVED_PDU_BYTES = 4 * 1024 * 1024  # what we bear of those who send larger ones than we ask for
_STALLED_SECONDS = 60.0  # in the middle of a PDU
_LONGEST_WAIT_SECONDS = 0.1


class _Patience:
    """How long a loop may wait for one thing while another may come up: a twentieth of its idle time."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._idle_since = time.monotonic()

    @property
    def seconds(self) -> float:
        return min((time.monotonic() - self._idle_since) / 20, _LONGEST_WAIT_SECONDS)


class _PatientSocket(AssociationSocket):
    """A connection that is waited for, where pynetdicom asks a thousand times a second.

    Twenty idle associations would keep a processor busy.
    """

    def __init__(self, association: Association, connection: socket.socket) -> None:
        super().__init__(association, client_socket=connection)
        self._patience = _Patience()

    @property
    def ready(self) -> bool:
        """Whether there is something to read, or the peer has gone."""
        if self.socket is not None:
            with suppress(OSError, ValueError):  # it was closed meanwhile; the question below finds out
                select.select([self.socket], [], [], self._patience.seconds)
        if not super().ready:
            return False
        self._patience.restart()
        return True

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, and acknowledge them without delay."""
        if nr_bytes > _MAX_RECEIVED_PDU_BYTES:
            raise OSError("The peer announces a PDU of a length that no sender needs.")
        received = super().recv(nr_bytes)
        if self.socket is not None and hasattr(socket, "TCP_QUICKACK"):
            # A client that leaves Nagle's algorithm on, as DCMTK does, holds the end of each message
            # back until we have acknowledged its beginning. The kernel forgets this option: set it again.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return received


class _PatientDimseProvider(DIMSEServiceProvider):
    """Requests that are waited for, and taken the moment they are complete; responses wait for whoever asked."""

    def __init__(self, association: Association) -> None:
        super().__init__(association)
        self._patience = _Patience()
        self._responses: queue.Queue[DIMSEPrimitive] = queue.Queue()

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take a fragment of a message; a response that it completes is set apart from the requests."""
        super().receive_primitive(primitive)
        _, message = self.peek_msg()
        if message is not None and message.MessageIDBeingRespondedTo is not None:
            self.msg_queue.get_nowait()
            self._responses.put(message)

    def next_response(self) -> DIMSEPrimitive | None:
        """Wait for the response to a request of ours; None if none comes in time."""
        try:
            return self._responses.get(timeout=self.dimse_timeout)
        except queue.Empty:
            return None

    def get_msg(self, block: bool = False) -> _QueueItem:
        """Return the next request and its presentation context's ID, or two None."""
        try:
            message = self.msg_queue.get(timeout=self.dimse_timeout if block else self._patience.seconds)
        except queue.Empty:
            return None, None
        self._patience.restart()
        return message


class _ConnectionHandler(RequestHandler):
    """One connection, in a thread of its own until its association has ended."""

    server: "ConnectionServer"

    def setup(self) -> None:
        """Prepare the socket before anything is read."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.settimeout(_STALLED_SECONDS)

    def handle(self) -> None:
        """Let the association run to its end."""
        association = self._create_association()
        association.dul.daemon = True  # a connection must not keep the process alive
        association.dul.event_queue.get()  # the connection is indicated again by the socket that takes over
        association.dul.socket = _PatientSocket(association, self.request)
        association.dimse = provider = _PatientDimseProvider(association)
        association.outgoing = Outgoing(association, provider.next_response)
        association.start()
        association.join()
        self.server.shutdown_request(self.request)
        association.dul.kill_dul()
        self.server.on_end(association)

    def _create_association(self) -> AcceptedAssociation:
        association = AcceptedAssociation(self.ae, MODE_ACCEPTOR)
        association.serving = self.server.serving
        association._server = self.server
        association.set_socket(AssociationSocket(association, client_socket=self.request))
        acceptor, requestor = association.acceptor, association.requestor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = self.server.ae_title
        acceptor.address_info, requestor.address_info = self.local, self.remote
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        acceptor.supported_contexts = deepcopy(self.server.contexts)
        for event, handler in self.server.handlers:
            association.bind(event, handler)
        return association


class ConnectionServer(ThreadedAssociationServer):
    """Accepts connections; it listens as soon as it is made.

    Parameters
    ----------
    address
        Host and TCP port to bind to; port 0 for any free one.
    on_end
        Called once per connection, when its association has ended or never began.

    Raises
    ------
    OSError
        If the port is in use, or not ours to bind.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(
        self,
        ae: AE,
        address: tuple[str, int],
        handlers: list[tuple[evt.EventType, Callable[[evt.Event], object]]],
        serving: Serving,
        on_end: Callable[[Association], None],
    ) -> None:
        self.handlers = handlers
        self.serving = serving
        self.on_end = on_end
        super().__init__(ae, address, ae.ae_title, ae.supported_contexts, request_handler=_ConnectionHandler)

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Say nothing of a connection that was lost before it was ours; all else is a fault."""
        failure = sys.exception()
        if failure and not isinstance(failure, OSError):
            raise failure

    def shutdown(self) -> None:
        """Stop accepting; what runs, runs on."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()
