"""Bytes to a peer and from it, in the clear or encrypted; the transport below PS3.8 Section 9.

One thread reads and another writes, and neither of them ever asks whether there is something: they wait in the kernel.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from struct import pack
from typing import Protocol

_STALLED_SECONDS = 60.0  # in the middle of a PDU, whichever side sends it
_LOOK_UP_SECONDS = 1.0  # how soon who waits in the middle of a PDU learns that it is of no use any more
_QUICK_ACKNOWLEDGEMENT: int | None = getattr(socket, "TCP_QUICKACK", None)


class GivenUp(Exception):
    """Nobody wants the rest of the PDU any more."""


class Wire(Protocol):
    """One connection."""

    @property
    def has_more(self) -> bool:
        """Whether bytes wait that the kernel does not know of any more."""

    def read(self, size: int, given_up: Callable[[], bool]) -> bytes:
        """Read so many bytes.

        Raises
        ------
        OSError
            The connection ended, or nothing has come for a minute.
        GivenUp
            `given_up` said so meanwhile.
        """

    def write(self, content: bytes) -> None:
        """Write all of it.

        Raises
        ------
        OSError
            The connection ended, or the peer has taken nothing for a minute.
        """

    def finish(self) -> None:
        """Say that nothing more will be written."""


def wire_over(connection: socket.socket) -> Wire:
    """Prepare a connection, on which nothing has been read yet."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return EncryptedWire(connection) if isinstance(connection, ssl.SSLSocket) else PlainWire(connection)


class PlainWire:
    """A connection without encryption."""

    has_more = False

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.settimeout(None)  # the kernel's own, which do not ask twice for every read
        for option, seconds in ((socket.SO_RCVTIMEO, _LOOK_UP_SECONDS), (socket.SO_SNDTIMEO, _STALLED_SECONDS)):
            connection.setsockopt(socket.SOL_SOCKET, option, pack("ll", *divmod(int(seconds * 1_000_000), 1_000_000)))

    def read(self, size: int, given_up: Callable[[], bool]) -> bytes:
        """Read so many bytes; see `Wire`."""
        if _QUICK_ACKNOWLEDGEMENT is not None:
            # A client that leaves Nagle's algorithm on, as DCMTK does, holds the end of each message
            # back until we have acknowledged its beginning. The kernel forgets this option: set it again.
            self._connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACKNOWLEDGEMENT, 1)
        found = self._read_some(size, given_up)
        if len(found) == size:
            return found
        pieces, missing = [found], size - len(found)
        while missing:
            pieces.append(self._read_some(missing, given_up))
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def write(self, content: bytes) -> None:
        """Write all of it; see `Wire`."""
        self._connection.sendall(content)

    def finish(self) -> None:
        """Say that nothing more will be written."""
        self._connection.shutdown(socket.SHUT_WR)

    def _read_some(self, size: int, given_up: Callable[[], bool]) -> bytes:
        until = time.monotonic() + _STALLED_SECONDS
        while True:
            try:
                found = self._connection.recv(size, socket.MSG_WAITALL)
            except BlockingIOError:
                _go_on(until, given_up)
                continue
            if not found:
                raise ConnectionResetError
            return found


class EncryptedWire:
    """A connection with TLS; OpenSSL bears one thread at a time."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._one_at_a_time = threading.Lock()
        connection.setblocking(False)

    @property
    def has_more(self) -> bool:
        """Whether bytes are decrypted already."""
        with self._one_at_a_time:
            return bool(self._connection.pending())

    def read(self, size: int, given_up: Callable[[], bool]) -> bytes:
        """Read so many bytes; see `Wire`."""
        received = bytearray(size)
        with memoryview(received) as room:
            filled = 0
            while filled < size:
                filled += self._do(lambda: self._connection.recv_into(room[filled:]), given_up)  # noqa: B023
        return bytes(received)

    def write(self, content: bytes) -> None:
        """Write all of it; see `Wire`."""
        with memoryview(content) as left:
            sent = 0
            while sent < len(content):
                sent += self._do(lambda: self._connection.send(left[sent:]), lambda: False)  # noqa: B023

    def finish(self) -> None:
        """Say that nothing more will be written, RFC 8446 Section 6.1."""
        with self._one_at_a_time, suppress(ssl.SSLWantReadError, ValueError):  # nobody waits for the peer's answer
            self._connection.unwrap()
        self._connection.shutdown(socket.SHUT_WR)

    def _do(self, operation: Callable[[], int], given_up: Callable[[], bool]) -> int:
        until = time.monotonic() + _STALLED_SECONDS
        while True:
            try:
                with self._one_at_a_time:
                    done = operation()
            except ssl.SSLWantReadError:
                ready = _wait_for(self._connection, select.POLLIN)
            except ssl.SSLWantWriteError:
                ready = _wait_for(self._connection, select.POLLOUT)
            else:
                if not done:
                    raise ConnectionResetError
                return done
            if not ready:
                _go_on(until, given_up)


def _wait_for(connection: socket.socket, event: int) -> bool:
    poll = select.poll()
    poll.register(connection, event)
    return bool(poll.poll(_LOOK_UP_SECONDS * 1000))


def _go_on(until: float, given_up: Callable[[], bool]) -> None:
    if given_up():
        raise GivenUp
    if time.monotonic() > until:
        raise TimeoutError
