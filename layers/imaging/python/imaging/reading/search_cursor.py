"""The place in a search's order at which a page ends, as text that a client hands back.

It says where to go on and not how many have been seen, so nothing that arrives
or goes meanwhile makes a match come twice or not at all. It belongs to one
query: the text says to which.
"""

import base64
import hashlib
import json
from dataclasses import astuple, dataclass, fields, is_dataclass
from typing import Any

from imaging.dicom.uid import check_uid
from imaging.errors import Rejected, RejectReason
from imaging.ports.catalogue import Place
from imaging.reading.query import MAX_OFFSET, Query

_FORM = 1
_DIGEST_CHARACTERS = 16
_MAX_PLACE_BYTES = 1_012  # DynamoDB's limit of a sort key, less what stands before a name in one
_MAX_CHARACTERS = 4_000  # two UIDs and the longest name that an index holds, twice encoded, are fewer


@dataclass(frozen=True)
class Position:
    """What was looked at last.

    Attributes
    ----------
    place
        Of its study.
    series_instance_uid, sop_instance_uid
        The last one of the study; "" if there is nothing more of it to look at.
    to_skip
        How many matches behind it belong to pages before the next.
    """

    place: Place
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    to_skip: int = 0


def cursor_of(query: Query, position: Position) -> str:
    """The position as text, without characters that an address would have to escape."""
    parts = [_FORM, _digest(query), *astuple(position)]
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def position_of(query: Query, cursor: str) -> Position:
    """Read `cursor_of` back.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` if it is not one that this query has given.
    """
    try:
        if len(cursor) > _MAX_CHARACTERS or not cursor.isascii():
            raise ValueError
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
        form, digest, place, series, instance, to_skip = json.loads(text)
        if (form, digest) != (_FORM, _digest(query)):
            raise ValueError
        if type(to_skip) is not int or not 0 <= to_skip <= MAX_OFFSET - query.offset:
            raise ValueError
        if type(place) is not list or not 2 <= len(place) <= 3 or not all(place):
            raise ValueError
        if len("".join(place).encode()) > _MAX_PLACE_BYTES:
            raise ValueError
        for uid in (place[-1], *filter(None, (series, instance))):
            check_uid("a UID of the cursor", uid)
    except (ValueError, TypeError, AttributeError, RecursionError, Rejected) as broken:
        raise foreign_cursor() from broken
    return Position(tuple(place), series or "", instance or "", to_skip)


def foreign_cursor() -> Rejected:
    """What a cursor is answered with that this query has not given."""
    return Rejected(
        RejectReason.MALFORMED_REQUEST,
        "The after parameter is not one that a page of this query has given; begin with its first page.",
    )


def _digest(query: Query) -> str:
    asked = [query.space, int(query.level), sorted((tag, _plain(each)) for tag, each in query.criteria.items())]
    return hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()[:_DIGEST_CHARACTERS]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a matcher, or what it is made of
    """What a matcher looks for, the same in every process."""
    if is_dataclass(value):
        compared = {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.compare}
        return [type(value).__name__, compared]
    if isinstance(value, frozenset | set):
        return sorted(json.dumps(_plain(each), default=str) for each in value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value
