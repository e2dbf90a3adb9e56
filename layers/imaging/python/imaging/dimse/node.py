"""A DIMSE node that we ask for an association."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """Where it listens, and under which titles we speak to each other.

    Attributes
    ----------
    tls
        Whether the connection is encrypted; PS3.15 Section B.
    transfer_syntax_uids
        Those it is rather sent, the most wanted first; see
        `imaging.dimse.peers.Peer`.
    """

    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    tls: bool = False
    transfer_syntax_uids: tuple[str, ...] = ()
