"""The query of the change feed."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from imaging.errors import Rejected, RejectReason
from imaging.reading.read_feed import FeedQuery

MAX_LIMIT = 200
DEFAULT_LIMIT = 10

_NUMBER = re.compile("[0-9]{1,15}")
_PAGE = ("offset", "limit", "includemetadata", "starttime", "endtime")
_LATEST = ("includemetadata",)


def parse_feed_query(space: str, parameters: Sequence[tuple[str, str]]) -> FeedQuery:
    """Read it; names in whatever case.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`.
    """
    asked = _asked(parameters, _PAGE)
    start, end = _moment(asked, "starttime"), _moment(asked, "endtime")
    if start and end and end < start:
        raise _malformed("The endtime lies before the starttime; exchange them.")
    return FeedQuery(
        space,
        offset=_number(asked, "offset", 0, "a whole number from 0 on: the last sequence you have seen"),
        limit=_limit(asked),
        includes_metadata=_includes_metadata(asked),
        start=start,
        end=end,
    )


def parse_latest_query(parameters: Sequence[tuple[str, str]]) -> bool:
    """Whether the newest row is asked for with its metadata.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`.
    """
    return _includes_metadata(_asked(parameters, _LATEST))


def _asked(parameters: Sequence[tuple[str, str]], known: Sequence[str]) -> dict[str, str]:
    asked: dict[str, str] = {}
    for name, value in parameters:
        if name.lower() == "accept":  # PS3.18 8.3.3.1
            continue
        if name.lower() not in known:
            raise _malformed(f"The change feed has no such parameter; it takes {', '.join(known)}.")
        if name.lower() in asked:
            raise _malformed(f"The parameter {name.lower()} is given twice; give it once.")
        asked[name.lower()] = value
    return asked


def _limit(asked: Mapping[str, str]) -> int:
    meaning = f"a whole number from 1 to {MAX_LIMIT}"
    limit = _number(asked, "limit", DEFAULT_LIMIT, meaning)
    if not 1 <= limit <= MAX_LIMIT:
        raise _malformed(f"The limit must be {meaning}.")
    return limit


def _number(asked: Mapping[str, str], name: str, default: int, meaning: str) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise _malformed(f"The {name} must be {meaning}.")
    return int(text)


def _includes_metadata(asked: Mapping[str, str]) -> bool:
    text = asked.get("includemetadata", "false").lower()
    if text not in ("true", "false"):
        raise _malformed("The includemetadata must be true or false.")
    return text == "true"


def _moment(asked: Mapping[str, str], name: str) -> datetime | None:
    """ISO 8601 with a time zone: without one, a reader elsewhere would miss hours."""
    if name not in asked:
        return None
    try:
        moment = datetime.fromisoformat(asked[name])
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _malformed(
            f"The {name} must be an ISO 8601 time with its zone, such as 2026-11-21T12:00:00Z "
            "or 2026-11-21T13:00:00%2B01:00; a + is written %2B in a query."
        ) from error


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, sentence)
