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
OCTET_STREAM = "application/octet-stream"
ZIP = "application/zip"
JPEG = "image/jpeg"
PNG = "image/png"
GIF = "image/gif"
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


@dataclass(frozen=True)
class Offer:
    """A way in which a resource can be sent: in one part, or each of what it holds in a part."""

    media_type: str
    is_multipart: bool = False

    def __str__(self) -> str:
        return f'{MULTIPART}; type="{self.media_type}"' if self.is_multipart else self.media_type


@dataclass(frozen=True)
class Form:
    """An offer that the client takes.

    Attributes
    ----------
    transfer_syntax_uid
        What the client can read; `ANY_TRANSFER_SYNTAX`: as stored, "": the default of the media type.
    """

    offer: Offer
    transfer_syntax_uid: str = ""


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
    return acceptable(accept, [Offer(media_type) for media_type in offers])[0].offer.media_type


def acceptable(accept: str, offers: Sequence[Offer]) -> list[Form]:
    """The forms in which the client takes a resource, best first; where it does not care, in the order of the offers.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE`, listing the offers.
    """
    forms = [
        Form(offer, wanted.parameters.get("transfer-syntax", ""))
        for wanted in parse_accept(accept)
        for offer in offers
        if _takes(wanted, offer)
    ]
    if not forms:
        raise not_acceptable(offers)
    return list(dict.fromkeys(forms))


def not_acceptable(offers: Sequence[Offer]) -> Rejected:
    """The refusal of a request that takes none of the offers."""
    return Rejected(
        RejectReason.NOT_ACCEPTABLE,
        f"The Accept header allows nothing of what is offered here: {', '.join(map(str, offers))}.",
    )


def _takes(wanted: MediaRange, offer: Offer) -> bool:
    if not offer.is_multipart:
        return _covers(wanted.name, offer.media_type)
    return _covers(wanted.name, MULTIPART) and _covers(wanted.parameters.get("type", "*/*").lower(), offer.media_type)
