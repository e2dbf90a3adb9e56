"""An application entity that we know: an entry of ``imaging.dimse.peers``."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from infra.fargate_config import is_network
from infra.section import ConfigurationError, Section

MOST_NODES = 200
"""What security groups let a task reach: 50 rules each, of those that a network interface may have."""

# PS3.5 Section 6.2, AE: 16 characters, no backslash, no control character, spaces around it do not count.
_AE_TITLE = r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
# PS3.5 Section 9.1.
_UID = r"(?=.{1,64}$)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+"
_ANY = "*"
_SERVICES = ("store", "find", "move", "get", "commit")
_NETWORKS = "networks such as 10.1.2.0/24"
_KEYS = ("ae_title", "host", "port", "networks", "services", "spaces", "transfer_syntaxes", "tls")
_MOST_CHARACTERS = 30_000
"""Of all peers as JSON: ECS takes a task definition of 64 KiB."""

_Named = TypeVar("_Named", bound=tuple[str, ...] | str)


@dataclass(frozen=True)
class DimsePeerConfiguration:
    """An application entity.

    Attributes
    ----------
    ae_title
        ``*`` for any.
    host, port
        Where it listens; what has no port is never called.
    settings
        The whole entry, checked, as the process reads it.
    """

    ae_title: str
    host: str
    port: int
    settings: Mapping[str, object] = field(hash=False)

    @property
    def listens(self) -> bool:
        """Whether we may call it: instances go there by C-MOVE, and reports of storage commitment."""
        return bool(self.port)

    @property
    def callers(self) -> tuple[str, ...]:
        """Whom the entry lets in: two of one title are to differ in it."""
        return (self.ae_title, self.host, *(str(self.settings.get(key)) for key in ("networks", "spaces")))

    @classmethod
    def of(cls, path: str, values: object, *, spaces: Sequence[str]) -> "DimsePeerConfiguration":
        """Read one entry of ``imaging.dimse.peers``.

        Parameters
        ----------
        spaces
            The names of all storage spaces.
        """
        section = Section(path, values, _KEYS)
        known = "|".join(map(re.escape, spaces))
        checked: dict[str, object] = {
            "ae_title": section.text(
                "ae_title", pattern=_AE_TITLE, must="an AE title of 1 to 16 characters, or '*' for any"
            ),
            "host": section.text("host", "", pattern=f"|{_HOST}", must="a host's name or IPv4 address"),
            "port": section.number("port", 0, least=0, most=65535),
            "networks": section.texts("networks", must=_NETWORKS),
            "services": section.texts("services", pattern="|".join(_SERVICES), must=_of("services", _SERVICES)),
            "spaces": section.texts("spaces", pattern=known, must=_of("storage spaces", spaces)),
            "transfer_syntaxes": section.texts(
                "transfer_syntaxes", pattern=_UID, must="UIDs of transfer syntaxes, the most wanted first"
            ),
            "tls": section.flag("tls", default=False),
        }
        peer = cls(
            str(checked["ae_title"]),
            str(checked["host"]),
            section.number("port", 0, least=0, most=65535),
            {key: value for key, value in checked.items() if key in section},
        )
        if not all(is_network(network, least=1, most=32) for network in section.texts("networks")):
            raise section.error("networks", f"a list of {_NETWORKS}")
        if peer.listens and not peer.host:
            raise section.error("port", "beside the host that listens there")
        if checked["tls"] and not peer.listens:
            raise section.error("tls", "left out without a port: it says how we call it, not how it calls us")
        if peer.ae_title == _ANY and (peer.listens or not (peer.host or checked["networks"])):
            raise section.error("ae_title", "one title where there is a port, or neither host nor networks")
        return peer


def peers(values: object, *, spaces: Sequence[str]) -> tuple[DimsePeerConfiguration, ...]:
    """Read ``imaging.dimse.peers``.

    Raises
    ------
    ConfigurationError
        Also where two entries contradict each other, or there are more than a task can have.
    """
    path = "imaging.dimse.peers"
    if not isinstance(values, list):
        raise ConfigurationError(f"{path} must be a list of application entities, not {values!r}.")
    found = tuple(DimsePeerConfiguration.of(f"{path}[{n}]", each, spaces=spaces) for n, each in enumerate(values))
    if repeated := _repeated(each.callers for each in found):
        raise ConfigurationError(f"{path} must name {repeated[0]!r} only once for the same addresses and spaces.")
    if listens := _repeated(each.ae_title for each in found if each.listens):
        raise ConfigurationError(f"{path} must give {listens!r} only one port: what is sent to it goes to one place.")
    if len({(each.host, each.port) for each in found if each.listens}) > MOST_NODES:
        raise ConfigurationError(f"{path} must have at most {MOST_NODES} that listen, as security groups allow.")
    if len(peers_setting(found)) > _MOST_CHARACTERS:
        raise ConfigurationError(
            f"{path} must have at most {_MOST_CHARACTERS} characters as JSON, since a task's definition holds them; "
            "name a network and the AE title '*' for callers that need no entry of their own."
        )
    return found


def peers_setting(found: Iterable[DimsePeerConfiguration]) -> str:
    """The list as the process reads it (`DIMSE_PEERS`)."""
    return json.dumps([dict(each.settings) for each in found])


def _of(what: str, known: Sequence[str]) -> str:
    return f"{what}, of which there are {', '.join(known)}"


def _repeated(values: Iterable[_Named]) -> _Named | None:
    seen: set[_Named] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
