"""The handshake on a connection that came in, RFC 8446 Section 4; in the connection's own thread."""

import socket
import ssl
from collections.abc import Callable
from threading import Event

from imaging.dimse.journal import Journal
from imaging.errors import Unavailable

_HANDSHAKE_SECONDS = 10.0
_HANDSHAKE_RECORD = b"\x16"  # RFC 8446 Section 5.1, the same in every version


class Handshake:
    """`imaging.dimse.connection_server.Secure`.

    Parameters
    ----------
    context
        The one to use now; may raise `Unavailable`.
    """

    def __init__(self, context: Callable[[], ssl.SSLContext], journal: Journal) -> None:
        self._context = context
        self._journal = journal

    def rehearse(self, _stopping: Event) -> None:
        """Say at the start what would else be said to the first client alone."""
        try:
            self._context()
        except Unavailable as failure:
            self._journal.certificate_missing(failure)

    def __call__(self, connection: socket.socket) -> socket.socket | None:
        """Shake hands; a client that says nothing is not worth a word either."""
        connection.settimeout(_HANDSHAKE_SECONDS)
        try:
            first = connection.recv(1, socket.MSG_PEEK)
            if not first:
                return None
            address = str(connection.getpeername()[0])
        except OSError:
            return None
        if first != _HANDSHAKE_RECORD:
            self._journal.handshake_failed(address, "the client does not speak TLS")
            return None
        try:
            return self._context().wrap_socket(connection, server_side=True)
        except (OSError, Unavailable) as failure:
            self._journal.handshake_failed(address, _reason(failure))
            return None


def _reason(failure: Exception) -> str:
    """OpenSSL's name for it; none of its texts quotes what was received."""
    if isinstance(failure, Unavailable):
        return str(failure)
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"the client's certificate is not taken: {failure.verify_message}"
    if isinstance(failure, TimeoutError):
        return "the client was silent in the middle of it"
    if isinstance(failure, ssl.SSLError) and failure.reason and not isinstance(failure, ssl.SSLEOFError):
        return failure.reason.lower().replace("_", " ")
    return "the client broke it off"
