"""Dates and times of a data set as numbers that can be compared; PS3.5 Section 6.2, VRs DA, TM and DT."""

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from imaging.reading.query_keys import TIMEZONE_OFFSET_FROM_UTC

Read: TypeAlias = Callable[[str], Sequence[object]]
"""Gives the values that a match has of an attribute, by its tag."""

MICROSECONDS_OF_A_SECOND = 1_000_000
MICROSECONDS_OF_A_MINUTE = 60 * MICROSECONDS_OF_A_SECOND
MICROSECONDS_OF_A_DAY = 24 * 60 * MICROSECONDS_OF_A_MINUTE

_DATE = re.compile(r"[0-9]{8}\Z")
_TIME = re.compile(
    r"(?P<hour>[01][0-9]|2[0-3])((?P<minute>[0-5][0-9])((?P<second>[0-5][0-9]|60)(\.(?P<fraction>[0-9]{1,6}))?)?)?\Z"
)
_DATE_TIME = re.compile(
    r"(?P<year>[0-9]{4})((?P<month>[0-9]{2})((?P<day>[0-9]{2})(?P<time>[0-9]{2,6}(\.[0-9]{1,6})?)?)?)?"
    r"(?P<zone>[+-][0-9]{4})?\Z"
)
_ZONE = re.compile(r"([+-])([01][0-9])([0-5][0-9])\Z")
_LEAST_ZONE, _MOST_ZONE = -12 * 60, 14 * 60  # minutes; PS3.5 6.2


@dataclass(frozen=True)
class Span:
    """What a value of less than full precision may mean: from its first to its last microsecond.

    Attributes
    ----------
    first, last
        Microseconds since midnight, or since 0001-01-01 where a date is meant; both included.
    zone
        Minutes east of UTC; None if the value does not tell.
    """

    first: int
    last: int
    zone: int | None = None


def date_span(text: str) -> Span | None:
    """A date, YYYYMMDD; None if it is none."""
    if not _DATE.match(text):
        return None
    try:
        midnight = date(int(text[:4]), int(text[4:6]), int(text[6:])).toordinal() * MICROSECONDS_OF_A_DAY
    except ValueError:
        return None
    return Span(midnight, midnight + MICROSECONDS_OF_A_DAY - 1)


def time_span(text: str) -> Span | None:
    """A time, HH to HHMMSS.FFFFFF; None if it is none. A leap second is the last moment of its minute."""
    found = _TIME.match(text)
    if found is None:
        return None
    hour, minute, second, fraction = found.group("hour", "minute", "second", "fraction")

    def moment(missing: str) -> int:
        minutes = int(hour) * 60 + int(minute or ("59" if missing == "9" else "0"))
        seconds = int(second or ("59" if missing == "9" else "0"))
        microseconds = int((fraction or "").ljust(6, missing))
        if seconds == 60:
            seconds, microseconds = 59, MICROSECONDS_OF_A_SECOND - 1
        return minutes * MICROSECONDS_OF_A_MINUTE + seconds * MICROSECONDS_OF_A_SECOND + microseconds

    return Span(moment("0"), moment("9"))


def date_time_span(text: str) -> Span | None:
    """A date time, YYYY to YYYYMMDDHHMMSS.FFFFFF, perhaps with an offset from UTC; None if it is none."""
    found = _DATE_TIME.match(text)
    if found is None:
        return None
    year, month, day, time, offset = found.group("year", "month", "day", "time", "zone")
    first = date_span(year + (month or "01") + (day or "01"))
    last = date_span(year + (month or "12") + (day or _last_day(year, month or "12")))
    within = time_span(time) if time else Span(0, MICROSECONDS_OF_A_DAY - 1)
    zone = zone_minutes(offset) if offset else None
    if first is None or last is None or within is None or (offset and zone is None):
        return None
    return Span(first.first + within.first, last.first + within.last, zone)


def zone_minutes(text: str) -> int | None:
    """An offset from UTC, +HHMM or -HHMM, in minutes; None if it is none."""
    found = _ZONE.match(text)
    if found is None:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    minutes = -minutes if found[1] == "-" else minutes
    return minutes if _LEAST_ZONE <= minutes <= _MOST_ZONE and text != "-0000" else None


def stored_zone(read: Read | None) -> int | None:
    """The zone of a match's dates and times, as its instances tell it: PS3.3 Section C.12.1.1.8."""
    values = read(TIMEZONE_OFFSET_FROM_UTC) if read else ()
    return next((zone_minutes(value.strip()) for value in values if isinstance(value, str)), None)


def _last_day(year: str, month: str) -> str:
    try:
        return str(monthrange(int(year), int(month))[1])
    except ValueError:
        return ""
