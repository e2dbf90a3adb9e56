"""The addresses of hosts that have a name, asked of the DNS now and then."""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

FRESH_SECONDS = 60.0
"""How long an answer is not asked for again."""

PATIENCE_SECONDS = 3.0
"""How long anybody waits for an answer."""


def address_of(text: str) -> Address:
    """Read an address as a socket says it; an IPv4 one in IPv6's clothes is an IPv4 one.

    Raises
    ------
    ValueError
        It is none.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(text.partition("%")[0])
    return address


def _look_up(host: str) -> list[str]:
    return [str(answer[4][0]) for answer in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@dataclass(frozen=True)
class _Known:
    addresses: frozenset[Address] = frozenset()
    fresh_until: float = float("-inf")
    asking: threading.Event | None = None


class HostAddresses:
    """Knows the last answer for each host, and waits a moment for a new one where it is old.

    While the DNS does not answer, the last addresses hold: a device that was
    let in before is let in still.

    Parameters
    ----------
    look_up
        Asks the DNS; an OSError says that it has no answer.
    clock
        Seconds.
    """

    def __init__(
        self,
        look_up: Callable[[str], Iterable[str]] = _look_up,
        clock: Callable[[], float] = time.monotonic,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def __call__(self, host: str) -> frozenset[Address]:
        """The addresses of a host, none if nobody knows any; one that is an address itself is not asked for."""
        try:
            return frozenset({address_of(host)})
        except ValueError:
            known = self._asked(host)
        if known.asking:
            known.asking.wait(self._patience_seconds)
        return self._known[host].addresses

    def _asked(self, host: str) -> _Known:
        with self._lock:
            known = self._known.setdefault(host, _Known())
            if known.asking is None and self._clock() >= known.fresh_until:
                known = self._known[host] = replace(known, asking=threading.Event())
                threading.Thread(target=self._ask, args=(host, known), name="host", daemon=True).start()
            return known

    def _ask(self, host: str, known: _Known) -> None:
        addresses = known.addresses
        try:
            addresses = frozenset(map(address_of, self._look_up(host)))
        except (OSError, UnicodeError):
            pass  # the last ones hold
        finally:
            with self._lock:
                self._known[host] = _Known(addresses, self._clock() + FRESH_SECONDS)
            if known.asking:
                known.asking.set()
