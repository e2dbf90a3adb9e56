"""Sockets that connections come in on, each connection in a thread of its own; below PS3.8 Section 9."""

import errno
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pynetdicom import AE, evt
from pynetdicom.association import Association

from imaging.dimse.accepted_association import Serving
from imaging.dimse.connection import serve_connection

_BACKLOG = 128
_LISTENS_NO_MORE = (errno.EINVAL, errno.EBADF)
_SHORT_OF_FILES_SECONDS = 0.05
_TURN_SECONDS = 0.002  # of four connections at once each of two processes shall take two
_WAKING_SECONDS = 1.0  # outside Linux nothing wakes them: they go with the process

Secure = Callable[[socket.socket], socket.socket | None]
"""Shakes hands on a connection and returns the encrypted one, or None if that failed."""


@dataclass(frozen=True)
class Listening:
    """A socket that connections come in on; other processes may take them from it too.

    Attributes
    ----------
    secure
        None: what is said on its connections is not encrypted.
    """

    socket: socket.socket
    secure: Secure | None = None

    @property
    def port(self) -> int:
        """Its TCP port."""
        return int(self.socket.getsockname()[1])

    def stop(self) -> None:
        """Take no connection any more, in no process."""
        with suppress(OSError):  # another process was first
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes those who wait for a connection


def listening_at(address: tuple[str, int], secure: Secure | None = None) -> Listening:
    """Listen, at port 0 on any free one.

    Raises
    ------
    OSError
        If the port is in use, or not ours to bind.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return Listening(socket.create_server(address, family=family, backlog=_BACKLOG), secure)


class ConnectionServer:
    """Takes connections and serves each.

    Processes that wait for connections on one socket are given them by the
    kernel in turn, the one first that has waited longest.

    Parameters
    ----------
    max_connections
        Above so many at one time, connections are closed as they come.
    on_end
        Called once per connection, when its association has ended or never began.
    """

    def __init__(
        self,
        ae: AE,
        listening: Sequence[Listening],
        handlers: list[tuple[evt.EventType, Callable[[evt.Event], object]]],
        serving: Serving,
        on_end: Callable[[Association], None],
        *,
        max_connections: int,
    ) -> None:
        self.ae = ae
        self.ae_title = ae.ae_title
        self.contexts = ae.supported_contexts
        self.handlers = handlers
        self.serving = serving
        self.on_end = on_end
        self._listening = listening
        self._accepting = [
            threading.Thread(target=self._accept, args=(one,), name="accept", daemon=True) for one in listening
        ]
        self._room = threading.BoundedSemaphore(max_connections)
        self.server_address = listening[0].socket.getsockname()

    def start(self) -> None:
        """Take connections from now on."""
        for thread in self._accepting:
            thread.start()

    def shutdown(self) -> None:
        """Stop listening, in all processes; what runs, runs on."""
        for one in self._listening:
            one.stop()
        for thread in self._accepting:
            if thread.is_alive():
                thread.join(_WAKING_SECONDS)
        for one in self._listening:
            one.socket.close()

    def shutdown_request(self, connection: socket.socket) -> None:
        """Close a connection; pynetdicom calls it by this name."""
        with suppress(OSError):  # it is closed already
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    def _accept(self, listening: Listening) -> None:
        while True:
            try:
                connection, address = listening.socket.accept()
            except OSError as failure:
                if failure.errno in _LISTENS_NO_MORE:
                    return
                time.sleep(_SHORT_OF_FILES_SECONDS)  # accept(2) names more reasons, all of which pass
                continue
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(connection, address, listening), daemon=True).start()
            except RuntimeError:  # there are as many threads as the system bears
                connection.close()
                self._room.release()
            time.sleep(_TURN_SECONDS)

    def _serve(self, connection: socket.socket, address: tuple[str, int], listening: Listening) -> None:
        try:
            spoken = listening.secure(connection) if listening.secure else connection
            if spoken is not None:
                with spoken, suppress(OSError):  # it was lost before an association began
                    serve_connection(spoken, address, self)
        finally:
            connection.close()
            self._room.release()
