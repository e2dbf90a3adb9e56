"""Content negotiation, PS3.18 Section 8.7.

Lenient where clients differ: parameters quoted or not, an item that cannot be
read is passed over, and no Accept header means that anything will do.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imaging.errors import Rejected, RejectReason

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
JSON = "application/json"
MULTIPART = "multipart/related"
ANY_TRANSFER_SYNTAX = "*"

_ITEM = re.compile(r'(?:[^",]|"[^"]*")+')
_PARAMETER = re.compile(r';\s*([^\s;="]+)\s*=\s*(?:"([^"]*)"|([^;"]*))')
_NAME = re.compile(r"\s*([\w!#$&^.+*-]+/[\w!#$&^.+*-]+)\s*(?=;|\Z)")


@dataclass(frozen=True)
class MediaRange:
    """One item of an Accept header."""

    name: str
    parameters: Mapping[str, str]
    quality: float


def parse_accept(accept: str) -> list[MediaRange]:
    """The items of an Accept header, those the client likes best first; ``*/*`` for an empty one."""
    if not accept.strip():
        return [MediaRange("*/*", {}, 1.0)]
    ranges = [item for text in _ITEM.findall(accept) if (item := _media_range(text)) and item.quality > 0]
    return sorted(ranges, key=lambda item: -item.quality)


def _media_range(text: str) -> MediaRange | None:
    name = _NAME.match(text)
    if not name:
        return None
    parameters = {
        parameter[1].lower(): (parameter[2] if parameter[2] is not None else parameter[3]).strip()
        for parameter in _PARAMETER.finditer(text, name.end())
    }
    return MediaRange(name[1].lower(), parameters, _quality(parameters.pop("q", "1")))


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 1.0


def _covers(wanted: str, offered: str) -> bool:
    kind, _, subtype = wanted.partition("/")
    return wanted in ("*/*", offered) or (subtype == "*" and offered.startswith(f"{kind}/"))


def choose(accept: str, offers: Sequence[str]) -> str:
    """The media type to answer with; the first offer if the client does not care.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE`, listing the offers.
    """
    for wanted in parse_accept(accept):
        for offered in offers:
            if _covers(wanted.name, offered):
                return offered
    raise _not_acceptable(offers)


def _not_acceptable(offers: Sequence[str]) -> Rejected:
    return Rejected(
        RejectReason.NOT_ACCEPTABLE, f"The Accept header allows nothing of what is offered here: {', '.join(offers)}."
    )


@dataclass(frozen=True)
class Form:
    """A way to send instances.

    Attributes
    ----------
    transfer_syntaxes
        What the client can read; `ANY_TRANSFER_SYNTAX` among them: as stored.
    """

    is_multipart: bool
    transfer_syntaxes: frozenset[str]

    def suits(self, stored: frozenset[str]) -> bool:
        """Whether instances stored in these transfer syntaxes can be sent as they are."""
        return ANY_TRANSFER_SYNTAX in self.transfer_syntaxes or stored <= self.transfer_syntaxes


def instance_forms(accept: str, *, is_single_instance: bool) -> list[Form]:
    """The forms in which the client takes instances, best first.

    An Accept without ``transfer-syntax`` stands for Explicit VR Little Endian
    (PS3.18 8.7.3.4); what is stored otherwise is sent as it is stored.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE`, listing what is offered.
    """
    transfer_syntaxes: dict[bool, set[str]] = {}
    for wanted in parse_accept(accept):
        syntax = wanted.parameters.get("transfer-syntax") or ANY_TRANSFER_SYNTAX
        # PS3.18 Table 10.4.4-1: multipart is the default; single part is for one instance only
        if _covers(wanted.name, MULTIPART) and _covers(wanted.parameters.get("type", "*/*").lower(), DICOM):
            transfer_syntaxes.setdefault(True, set()).add(syntax)
        if is_single_instance and _covers(wanted.name, DICOM):
            transfer_syntaxes.setdefault(False, set()).add(syntax)
    if not transfer_syntaxes:
        multipart = f'{MULTIPART}; type="{DICOM}"'
        raise _not_acceptable([multipart, DICOM] if is_single_instance else [multipart])
    return [Form(is_multipart, frozenset(syntaxes)) for is_multipart, syntaxes in transfer_syntaxes.items()]
