"""Conditional and partial requests of one instance; RFC 9110 Sections 13 and 14."""

import hashlib
import re
from http import HTTPStatus

from imaging.dicomweb.message import Request, Response, error_response
from imaging.model.instance import Instance

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 18  # of a position; longer ones are beyond any object


def entity_tag(instance: Instance, representation: str = "") -> str:
    """A strong validator: the bytes of an object version never change, nor what is made of them in one way.

    Parameters
    ----------
    representation
        What is made of them; empty: the bytes themselves.
    """
    return f'"{instance.version_id}{"-" if representation else ""}{representation}"'


def digest(*asked: object) -> str:
    """What was asked for, short enough for a tag, and without what a tag cannot hold."""
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def weak(version: str) -> str:
    """A weak validator: what it stands for says the same, its bytes may differ; Section 8.8.3."""
    return f'W/"{version}"'


def precondition_response(request: Request, tag: str, *, vary: str = "Accept") -> Response | None:
    """The answer if `If-Match` or `If-None-Match` forbid to send what has the tag, Section 13.2.2.

    Parameters
    ----------
    vary
        As the answer itself would have it, Section 15.4.5.
    """
    asked = request.headers
    strong = "" if tag.startswith("W/") else tag  # Section 13.1.1
    if "if-match" in asked and not _names(asked["if-match"], strong):
        return error_response(
            HTTPStatus.PRECONDITION_FAILED, "This is another version than If-Match names; leave the header out."
        )
    weakly = tag.removeprefix("W/")  # Section 13.1.2
    if "if-none-match" in asked and _names(asked["if-none-match"].replace("W/", ""), weakly):
        return Response(HTTPStatus.NOT_MODIFIED, {"ETag": tag, "Vary": vary})
    return None


def range_asked(request: Request, tag: str, size_bytes: int) -> tuple[int, int] | None:
    """First and last byte of the one range asked for; None to send the whole.

    A last byte before the first means that the range cannot be satisfied
    (416). Several ranges, other units, a method other than GET and another
    version than `If-Range` names are sent the whole, Sections 14.2 and 13.1.5.
    """
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if request.is_head or not match or request.headers.get("if-range", tag).strip() != tag:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:  # so many of the last bytes
        return max(0, size_bytes - _position(last)), size_bytes - 1 if _position(last) else -1
    if last and _position(last) < _position(first):
        return None  # not valid, Section 14.1.1
    if _position(first) >= size_bytes:
        return size_bytes, -1
    return _position(first), min(_position(last) if last else size_bytes, size_bytes - 1)


def _position(digits: str) -> int:
    return int(digits[-_MAX_DIGITS:]) if len(digits.lstrip("0")) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _names(condition: str, tag: str) -> bool:
    named = (one.strip() for one in condition.split(","))  # none of our tags has a comma
    return condition.strip() == "*" or (bool(tag) and tag in named)
