"""A date and a time that are matched as one, PS3.4 Section C.2.2.2.5.4, and both in the zone that a query names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from imaging.errors import Rejected, RejectReason
from imaging.reading.date_time_ranges import DateRange, TimeRange, shift_between, texts
from imaging.reading.matcher import Matcher
from imaging.reading.moment import Read, date_span, stored_zone, time_span

_TIME_OF_DATE = {
    "00080020": "00080030",  # Study Date and Time
    "00080021": "00080031",  # Series
    "00080022": "00080032",  # Acquisition
    "00080023": "00080033",  # Content
    "00400244": "00400245",  # Performed Procedure Step Start
    "00400250": "00400251",  # Performed Procedure Step End
}
_MOST_DAYS_BETWEEN_ZONES = 2  # from -1200 to +1400


@dataclass(frozen=True)
class CombinedDateTime:
    """Moments that a date and a time name together.

    Attributes
    ----------
    date_tag, time_tag
        What they are of.
    first, last
        Microseconds since 0001-01-01; None for an open end.
    asks_time
        Whether the query gave a time; if so, a date alone does not match.
    zone
        The query's, minutes east of UTC; None: everything is local.
    """

    date_tag: str
    time_tag: str
    first: int | None
    last: int | None
    asks_time: bool
    zone: int | None

    def matches(self, _values: Sequence[object], read: Read | None = None, /) -> bool:
        """Whether the first date of a match and its first time are in the range."""
        day = next((date_span(value) for value in texts(read(self.date_tag))), None) if read else None
        within = next((time_span(value) for value in texts(read(self.time_tag))), None) if read else None
        if day is None or (within is None and self.asks_time):
            return False
        moment = day.first + (within.first + shift_between(self.zone, stored_zone(read)) if within else 0)
        return (self.first is None or self.first <= moment) and (self.last is None or moment <= self.last)


def with_combined_date_times(
    criteria: Mapping[str, Matcher], zone: int | None = None, *, combines: bool = True
) -> dict[str, Matcher]:
    """Put dates and times together that are matched as one.

    What a date's range says by itself stays beside it under the date's tag, for
    indexes; both together stand under both tags.

    Parameters
    ----------
    criteria
        By tag, of one level of nesting.
    zone
        In which the query's dates and times are meant, minutes east of UTC.
    combines
        Whether ranges of dates and of times are one range; otherwise only the zone puts dates and times together.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` for a range of times that runs over midnight, without dates to it.
    """
    combined = dict(criteria)
    for date_tag, time_tag in _TIME_OF_DATE.items():
        dates, times = criteria.get(date_tag), criteria.get(time_tag)
        if not isinstance(dates, DateRange):
            continue
        within = times if combines and isinstance(times, TimeRange) and _is_same_form(dates, times) else None
        if within:
            del combined[time_tag]
        if within or zone is not None:
            combined[f"{date_tag}+{time_tag}"] = _together(date_tag, time_tag, dates, within, zone)
        if zone is not None:
            combined[date_tag] = _widened(dates)
    if any(isinstance(times, TimeRange) and times.is_backwards for times in combined.values()):
        raise Rejected(
            RejectReason.MALFORMED_REQUEST,
            "A range of times ends after it begins; one over midnight needs a range of dates beside it.",
        )
    return combined


def _is_same_form(dates: DateRange, times: TimeRange) -> bool:
    """Whether the ranges are open at the same ends, or both closed."""
    if times.is_single:
        return False
    return (bool(dates.first), bool(dates.last)) == (times.first is not None, times.last is not None)


def _together(
    date_tag: str, time_tag: str, dates: DateRange, times: TimeRange | None, zone: int | None
) -> CombinedDateTime:
    first, last = date_span(dates.first), date_span(dates.last)
    begin = (times.first if times else None) or 0
    end = times.last if times else None
    return CombinedDateTime(
        date_tag,
        time_tag,
        first.first + begin if first else None,
        (last.last if end is None else last.first + end) if last else None,
        asks_time=times is not None,
        zone=zone,
    )


def _widened(dates: DateRange) -> DateRange:
    """All dates at which a moment of the range may be stored, whatever the zone."""
    return DateRange(
        _days_from(dates.first, -_MOST_DAYS_BETWEEN_ZONES), _days_from(dates.last, _MOST_DAYS_BETWEEN_ZONES)
    )


def _days_from(text: str, days: int) -> str:
    try:
        day = date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}") + timedelta(days=days) if text else None
    except OverflowError:
        return text
    return day.isoformat().replace("-", "") if day else ""
