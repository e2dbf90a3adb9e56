"""Bytes to a peer and from it, in the clear or encrypted; the transport below PS3.8 Section 9.

One thread reads and another writes, and neither of them ever asks whether there is something: they wait in the kernel.
"""

import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from struct import pack
from typing import Protocol

from imaging.dimse.patience import Patience

_LOOK_UP_SECONDS = 1.0  # how soon who waits in the middle of a PDU learns that it is of no use any more
_QUICK_ACKNOWLEDGEMENT: int | None = getattr(socket, "TCP_QUICKACK", None)
# Of a peer that has gone without a word we learn after two minutes; tcp(7), not everywhere.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 3}


class Wire(Protocol):
    """One connection."""

    @property
    def has_more(self) -> bool:
        """Whether bytes wait that the kernel does not know of any more."""

    def read(self, size: int, patience: Patience) -> bytes:
        """Read so many bytes.

        Raises
        ------
        OSError
            The connection ended, or patience did.
        GivenUp
            Patience says so.
        """

    def write(self, content: bytes, patience: Patience) -> None:
        """Write all of it.

        Raises
        ------
        OSError
            The connection ended, or patience did.
        GivenUp
            Patience says so.
        """

    def finish(self) -> None:
        """Say that nothing more will be written."""


def wire_over(connection: socket.socket) -> Wire:
    """Prepare a connection, on which nothing has been read yet."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
    return EncryptedWire(connection) if isinstance(connection, ssl.SSLSocket) else PlainWire(connection)


class PlainWire:
    """A connection without encryption."""

    has_more = False

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.settimeout(None)  # the kernel's own, which do not ask twice for every read
        look_up = pack("ll", *divmod(int(_LOOK_UP_SECONDS * 1_000_000), 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, look_up)

    def read(self, size: int, patience: Patience) -> bytes:
        """Read so many bytes; see `Wire`."""
        if _QUICK_ACKNOWLEDGEMENT is not None:
            # A client that leaves Nagle's algorithm on, as DCMTK does, holds the end of each message
            # back until we have acknowledged its beginning. The kernel forgets this option: set it again.
            self._connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACKNOWLEDGEMENT, 1)
        found = self._read_some(size)
        if len(found) == size:
            return found
        pieces, missing = [found], size - len(found)
        while missing:
            patience.check()
            pieces.append(self._read_some(missing))
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def write(self, content: bytes, patience: Patience) -> None:
        """Write all of it; see `Wire`."""
        with memoryview(content) as left:
            sent = self._write_some(left)
            while sent < len(content):
                patience.check()
                sent += self._write_some(left[sent:])

    def finish(self) -> None:
        """Say that nothing more will be written."""
        self._connection.shutdown(socket.SHUT_WR)

    def _read_some(self, size: int) -> bytes:
        try:
            found = self._connection.recv(size, socket.MSG_WAITALL)
        except BlockingIOError:
            return b""
        if not found:
            raise ConnectionResetError
        return found

    def _write_some(self, content: memoryview) -> int:
        try:
            return self._connection.send(content)
        except BlockingIOError:
            return 0


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

    def read(self, size: int, patience: Patience) -> bytes:
        """Read so many bytes; see `Wire`."""
        received = bytearray(size)
        with memoryview(received) as room:
            filled = 0
            while filled < size:
                filled += self._do(lambda: self._connection.recv_into(room[filled:]), patience)  # noqa: B023
        return bytes(received)

    def write(self, content: bytes, patience: Patience) -> None:
        """Write all of it; see `Wire`."""
        with memoryview(content) as left:
            sent = 0
            while sent < len(content):
                sent += self._do(lambda: self._connection.send(left[sent:]), patience)  # noqa: B023

    def finish(self) -> None:
        """Say that nothing more will be written, RFC 8446 Section 6.1."""
        with self._one_at_a_time, suppress(ssl.SSLWantReadError, ValueError):  # nobody waits for the peer's answer
            self._connection.unwrap()
        self._connection.shutdown(socket.SHUT_WR)

    def _do(self, operation: Callable[[], int], patience: Patience) -> int:
        while True:
            try:
                with self._one_at_a_time:
                    done = operation()
            except ssl.SSLWantReadError:
                _wait_for(self._connection, select.POLLIN)
            except ssl.SSLWantWriteError:
                _wait_for(self._connection, select.POLLOUT)
            else:
                if not done:
                    raise ConnectionResetError
                return done
            patience.check()


def _wait_for(connection: socket.socket, event: int) -> None:
    poll = select.poll()
    poll.register(connection, event)
    poll.poll(_LOOK_UP_SECONDS * 1000)
