"""Who may speak to us, and whom we may speak to: the registry of application entities."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from imaging.dimse.host_addresses import Address, HostAddresses, address_of
from imaging.dimse.node import Node

ANY_AE_TITLE = "*"


class Service(StrEnum):
    """What a caller may ask for; C-ECHO everybody may."""

    STORE = "store"
    FIND = "find"
    MOVE = "move"
    GET = "get"
    COMMIT = "commit"


class NotAdmitted(StrEnum):
    """Why a caller is not let in."""

    UNKNOWN = "calling AE title not in the registry"
    ELSEWHERE = "calling AE title comes from another address than the registry has"
    OTHER_SPACE = "calling AE title may not speak to this space"


@dataclass(frozen=True)
class Peer:
    """An application entity that the configuration names.

    Attributes
    ----------
    ae_title
        ``*`` for any that has no entry of its own.
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

    def may_speak_to(self, space: str) -> bool:
        """Whether the entry is for this storage space."""
        return not self.spaces or space in self.spaces


@dataclass(frozen=True)
class Peers:
    """The registry.

    A title that has entries comes in by those and by no other, so that an
    address given to it keeps others from its name. Of several entries that
    let a caller in, the one for the fewest addresses holds: a host's, then
    that of the smallest network, then one for anywhere; of those the first
    that is listed.

    Attributes
    ----------
    accepts_unknown
        Whether callers that no entry names are served.
    addresses_of
        Looks up the addresses of a host.
    """

    named: tuple[Peer, ...] = ()
    accepts_unknown: bool = True
    addresses_of: Callable[[str], frozenset[Address]] = field(default_factory=HostAddresses, compare=False)

    def caller(self, calling_ae_title: str, address: str, space: str) -> Peer | NotAdmitted:
        """The entry that lets this caller in, or why none does.

        Parameters
        ----------
        address
            Of the other end of the connection, as the socket says it.
        space
            The storage space that it calls.
        """
        title = significant(calling_ae_title)
        own = [peer for peer in self.named if peer.ae_title == title and title != ANY_AE_TITLE]
        entries = own or [peer for peer in self.named if peer.ae_title == ANY_AE_TITLE]
        if not entries:
            return Peer(title) if self.accepts_unknown else NotAdmitted.UNKNOWN
        near = self._nearest_first(entries, address_of(address))
        admitted = next((peer for peer in near if peer.may_speak_to(space)), None)
        if admitted:
            return admitted
        if not own and self.accepts_unknown:
            return Peer(title)
        if near:
            return NotAdmitted.OTHER_SPACE
        return NotAdmitted.ELSEWHERE if own else NotAdmitted.UNKNOWN

    def node(self, ae_title: str, space: str, calling_ae_title: str) -> Node | None:
        """Where an application entity listens; None if it is not named for this space, or does not listen.

        Parameters
        ----------
        space
            The storage space that calls it: another's entry of the same title is somebody else.
        calling_ae_title
            That of the space.
        """
        title = significant(ae_title)
        for peer in self.named:
            if peer.ae_title == title != ANY_AE_TITLE and peer.host and peer.port and peer.may_speak_to(space):
                return Node(peer.host, peer.port, title, calling_ae_title, peer.tls, peer.transfer_syntax_uids)
        return None

    def _nearest_first(self, entries: list[Peer], address: Address) -> list[Peer]:
        near = [(self._addresses_around(peer, address), peer) for peer in entries]
        return [peer for count, peer in sorted(near, key=lambda each: each[0] or 0) if count]

    def _addresses_around(self, peer: Peer, address: Address) -> int | None:
        """For how many addresses the entry is; None if it is not for this one."""
        if not peer.host and not peer.networks:
            return 1 << address.max_prefixlen
        if peer.host and address in self.addresses_of(peer.host):
            return 1
        return min((network.num_addresses for network in peer.networks if address in network), default=None)


def significant(ae_title: str) -> str:
    """Without the spaces around it, which do not count, and the zeros that some pad with; PS3.5 Section 6.2, AE."""
    return ae_title.strip(" \0")
