"""Who may speak to us, and whom we may speak to: the registry of application entities."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from imaging.dimse.node import Node


class Service(StrEnum):
    """What a caller may ask for; C-ECHO everybody may."""

    STORE = "store"
    FIND = "find"
    MOVE = "move"
    GET = "get"
    COMMIT = "commit"


@dataclass(frozen=True)
class Peer:
    """An application entity that the configuration names.

    Attributes
    ----------
    host
        Its address or name; "" where it has none of its own.
    port
        Where it listens, 0 where it does not: then nothing can be sent to it.
    networks
        From where it may call, beside `host`; none and no host: from anywhere.
    services
        What it may ask for.
    spaces
        The storage spaces that it may speak to; none: all of them.
    transfer_syntax_uids
        Of those that a context proposes, the first of these is accepted; what
        is sent to it is proposed in these.
    tls
        Whether it is called over TLS.
    """

    ae_title: str
    host: str = ""
    port: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    services: frozenset[Service] = frozenset(Service)
    spaces: frozenset[str] = frozenset()
    transfer_syntax_uids: tuple[str, ...] = ()
    tls: bool = False


@dataclass(frozen=True)
class Peers:
    """The registry.

    Attributes
    ----------
    accepts_unknown
        Whether callers that it does not name are served.
    """

    named: tuple[Peer, ...] = field(default=())
    accepts_unknown: bool = True

    def caller(self, calling_ae_title: str, address: str, space: str) -> Peer | None:
        """The entry that lets this caller in; None if none does."""
        known = [peer for peer in self.named if peer.ae_title == calling_ae_title]
        if not known and self.accepts_unknown:
            return Peer(calling_ae_title)
        return known[0] if known else None

    def node(self, ae_title: str, calling_ae_title: str) -> Node | None:
        """Where an application entity listens; None if it is not named, or does not listen.

        Parameters
        ----------
        calling_ae_title
            Ours, that of the space which calls.
        """
        return _first(
            Node(peer.host, peer.port, peer.ae_title, calling_ae_title, peer.tls, peer.transfer_syntax_uids)
            for peer in self.named
            if peer.ae_title == ae_title and peer.host and peer.port
        )


def _first(nodes: Iterable[Node]) -> Node | None:
    return next(iter(nodes), None)
