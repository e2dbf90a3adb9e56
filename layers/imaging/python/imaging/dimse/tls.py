"""Encrypted connections, to us and from us; the profile of PS3.15 Section B.12 (BCP 195, RFC 8996 and RFC 9325).

TLS 1.2 and 1.3, keys agreed by ephemeral elliptic curves, authenticated encryption, no compression, no renegotiation.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

from imaging.errors import Unavailable

# RFC 9325 Section 4.2; those of TLS 1.3 are all of this kind, and OpenSSL's own list of them stays.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(identity_pem: str, client_ca_pem: str = "") -> ssl.SSLContext:
    """Make what shakes hands with those who call.

    Parameters
    ----------
    identity_pem
        Private key and certificate chain, the own certificate first.
    client_ca_pem
        Certificates of those whose word is taken for clients: then each must
        show a certificate. Empty: none is asked for one.

    Raises
    ------
    Unavailable
        One of the texts is not what it should be.
    """
    context = _of_the_profile(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
    context.num_tickets = 0  # the next connection may be another process's, which could not read one
    _identify(context, identity_pem)
    if client_ca_pem:
        _trust(context, client_ca_pem)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(identity_pem: str = "", ca_pem: str = "") -> ssl.SSLContext:
    """Make what shakes hands with nodes that we call; each must show a certificate in its host's name.

    Parameters
    ----------
    identity_pem
        Shown to nodes that ask for a certificate; empty: none.
    ca_pem
        Certificates trusted beside the system's.

    Raises
    ------
    Unavailable
        One of the texts is not what it should be.
    """
    context = _of_the_profile(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if identity_pem:
        _identify(context, identity_pem)
    if ca_pem:
        _trust(context, ca_pem)
    return context


def _of_the_profile(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _identify(context: ssl.SSLContext, identity_pem: str) -> None:
    # OpenSSL reads a key from a file only: one that we alone may read, and that is gone behind this.
    with NamedTemporaryFile("w", suffix=".pem") as file, _unusable("a private key and a certificate chain"):
        file.write(identity_pem)
        file.flush()
        context.load_cert_chain(file.name, password="")


def _trust(context: ssl.SSLContext, ca_pem: str) -> None:
    with _unusable("certificates"):
        context.load_verify_locations(cadata=ca_pem)


@contextmanager
def _unusable(what: str) -> Iterator[None]:
    try:
        yield
    except (ssl.SSLError, ValueError) as failure:
        reason = getattr(failure, "reason", None) or type(failure).__name__
        raise Unavailable(f"A secret for TLS does not hold {what} as PEM ({reason}); mend it.") from None
