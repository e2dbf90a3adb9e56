"""Sockets that connections come in on, each connection in a thread of its own; below PS3.8 Section 9."""

import errno
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from imaging.dimse.room import Room

_BACKLOG = 128
_LISTENS_NO_MORE = (errno.EINVAL, errno.EBADF)
_SHORT_OF_FILES_SECONDS = 0.05
_TURN_SECONDS = 0.002  # of four connections at once each of two processes shall take two
_WAKING_SECONDS = 1.0  # outside Linux nothing wakes them: they go with the process

Address = tuple[str, int]

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

    def listen(self) -> None:
        """Let connections come in from now on."""
        self.socket.listen(_BACKLOG)

    def stop(self) -> None:
        """Take no connection any more, in no process."""
        with suppress(OSError):  # another process was first
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes those who wait for a connection


def bound_to(address: tuple[str, int], secure: Secure | None = None) -> Listening:
    """Take a port, 0: any free one; connections come in when it listens.

    Raises
    ------
    OSError
        If the port is in use, or not ours to bind.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before may linger, RFC 9293 3.4.2
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return Listening(bound, secure)


def listening_at(address: tuple[str, int], secure: Secure | None = None) -> Listening:
    """Listen; see `bound_to`."""
    found = bound_to(address, secure)
    found.listen()
    return found


class ConnectionServer:
    """Takes connections and serves each.

    Processes that wait for connections on one socket are given them by the
    kernel in turn, the one first that has waited longest.

    Parameters
    ----------
    serve
        Called with each connection and its address, in a thread of its own;
        may raise OSError: it was lost.
    turn_away
        Called with a connection that there is no room for, and its address,
        before it is closed; the last parameter says whether it would be encrypted.
    room
        Makes one for each socket: who fills one up does not fill the others.
    """

    def __init__(
        self,
        listening: Sequence[Listening],
        serve: Callable[[socket.socket, Address], None],
        turn_away: Callable[[socket.socket, Address, bool], None],
        room: Callable[[], Room],
    ) -> None:
        self._listening = listening
        self._serve = serve
        self._turn_away = turn_away
        self._accepting = [
            threading.Thread(target=self._accept, args=(one, room()), name="accept", daemon=True) for one in listening
        ]
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

    def _accept(self, listening: Listening, room: Room) -> None:
        while True:
            try:
                connection, address = listening.socket.accept()
            except OSError as failure:
                if failure.errno in _LISTENS_NO_MORE:
                    return
                time.sleep(_SHORT_OF_FILES_SECONDS)  # accept(2) names more reasons, all of which pass
                continue
            if not room.enter(address[0]):
                with connection:
                    self._turn_away(connection, address, listening.secure is not None)
                continue
            try:
                threading.Thread(target=self._speak, args=(connection, address, listening, room), daemon=True).start()
            except RuntimeError:  # there are as many threads as the system bears
                room.leave(address[0])
                with connection:
                    self._turn_away(connection, address, listening.secure is not None)
            time.sleep(_TURN_SECONDS)

    def _speak(self, connection: socket.socket, address: Address, listening: Listening, room: Room) -> None:
        try:
            spoken = listening.secure(connection) if listening.secure else connection
            if spoken is not None:
                with spoken, suppress(OSError):  # it was lost before an association began
                    self._serve(spoken, address)
        finally:
            connection.close()
            room.leave(address[0])
