"""The registry as the process's settings have it."""

import json
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from imaging.dimse.peers import ANY_AE_TITLE, Peer, Peers, Service, significant
from imaging.settings import Settings, WrongSetting

_KEYS = frozenset(("ae_title", "host", "port", "networks", "services", "spaces", "transfer_syntaxes", "tls"))
_LONGEST_AE_TITLE = 16
_HIGHEST_PORT = 65535


def configured_peers(settings: Settings) -> Peers:
    """Read `DIMSE_CALLERS`, ``any`` or ``registered``, and `DIMSE_PEERS`, a JSON list; see `Peer`.

    Raises
    ------
    WrongSetting
        One of them makes no sense; a process must not start that lets in whom nobody meant.
    """
    callers = settings.get("DIMSE_CALLERS", "registered")
    if callers not in ("any", "registered"):
        raise WrongSetting("DIMSE_CALLERS must be any or registered.")
    spaces = frozenset(settings.spaces)
    try:
        entries = json.loads(settings.get("DIMSE_PEERS", "[]"))
        named = tuple(_peer(entry, spaces) for entry in entries)
    except (TypeError, AttributeError, json.JSONDecodeError):
        raise WrongSetting("DIMSE_PEERS must be a JSON list of objects with the keys of imaging.dimse.peers.") from None
    return Peers(named, accepts_unknown=callers == "any")


def _peer(entry: Mapping[str, Any], spaces: frozenset[str]) -> Peer:
    title = significant(entry.get("ae_title", ""))
    if not title or len(title) > _LONGEST_AE_TITLE:
        raise WrongSetting("An entry of DIMSE_PEERS needs an ae_title of 1 to 16 characters.")
    if unknown := entry.keys() - _KEYS:
        raise WrongSetting(f"The entry {title} of DIMSE_PEERS has {', '.join(sorted(unknown))}, which says nothing.")
    try:
        networks = tuple(map(ip_network, entry.get("networks", ())))
    except ValueError:
        raise WrongSetting(f"The entry {title} of DIMSE_PEERS needs networks such as 10.1.2.0/24.") from None
    try:
        services = frozenset(map(Service, entry.get("services", Service)))
    except ValueError:
        known = ", ".join(Service)
        raise WrongSetting(f"The entry {title} of DIMSE_PEERS may have the services {known}, and no other.") from None
    if not spaces.issuperset(entry.get("spaces", ())):
        raise WrongSetting(f"The entry {title} of DIMSE_PEERS names a space that SPACES does not have.")
    host, port = entry.get("host", ""), entry.get("port", 0)
    if port and not (host and title != ANY_AE_TITLE and 0 < port <= _HIGHEST_PORT):
        raise WrongSetting(f"The entry {title} of DIMSE_PEERS has a port and needs a host and a title of its own.")
    return Peer(
        title,
        host,
        port,
        networks,
        services,
        frozenset(entry.get("spaces", ())),
        tuple(entry.get("transfer_syntaxes", ())),
        tls=bool(entry.get("tls", False)),
    )
