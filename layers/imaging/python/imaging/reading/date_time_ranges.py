"""Single Value and Range Matching of dates and times, PS3.4 Sections C.2.2.2.1.3 and C.2.2.2.5: by their meaning."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imaging.reading.moment import (
    MICROSECONDS_OF_A_DAY,
    MICROSECONDS_OF_A_MINUTE,
    Read,
    Span,
    date_span,
    date_time_span,
    stored_zone,
    time_span,
)

_FIRST_DATE, _LAST_DATE = "00000000", "99999999"


@dataclass(frozen=True)
class DateRange:
    """Dates as YYYYMMDD; both ends included, "" for an open one, never both. A single date is both ends."""

    first: str
    last: str

    def matches(self, values: Sequence[object], _read: Read | None = None, /) -> bool:
        """Whether any of the dates is in the range."""
        first, last = self.first or _FIRST_DATE, self.last or _LAST_DATE
        return any(first <= value <= last for value in texts(values) if date_span(value))


@dataclass(frozen=True)
class TimeRange:
    """Times of day.

    Attributes
    ----------
    first, last
        Microseconds since midnight, both included; None for an open end.
    is_single
        One time, of whatever precision, was asked for, no range.
    zone
        The query's, minutes east of UTC: midnight is meant there. None: everything is local.
    """

    first: int | None
    last: int | None
    is_single: bool = False
    zone: int | None = None

    @property
    def is_backwards(self) -> bool:
        """Whether it runs over midnight; as times of one day nothing is in it."""
        return self.first is not None and self.last is not None and self.first > self.last

    def matches(self, values: Sequence[object], read: Read | None = None, /) -> bool:
        """Whether any of the times is in the range; one of less precision counts as its first moment."""
        shift = shift_between(self.zone, stored_zone(read))
        first, last = self.first or 0, MICROSECONDS_OF_A_DAY if self.last is None else self.last
        spans = (span for span in map(time_span, texts(values)) if span)
        return any(first <= (span.first + shift) % MICROSECONDS_OF_A_DAY <= last for span in spans)


@dataclass(frozen=True)
class DateTimeRange:
    """Moments, as a DT gives them.

    A query's value without an offset is in the zone of its TimezoneOffsetFromUTC,
    else in UTC; a stored one is in the zone of its instance, else in the query's.

    Attributes
    ----------
    first, last
        None for an open end, never both; of `first` its first moment counts, of `last` its last.
    zone
        The query's TimezoneOffsetFromUTC in minutes.
    """

    first: Span | None
    last: Span | None
    zone: int | None = None

    def matches(self, values: Sequence[object], read: Read | None = None, /) -> bool:
        """Whether any of the moments is in the range; one of less precision counts as its first."""
        zone = stored_zone(read)
        return any(self._holds(span, zone) for span in map(date_time_span, texts(values)) if span)

    def _holds(self, stored: Span, stored_in: int | None) -> bool:
        zone = stored_in if stored.zone is None else stored.zone
        return (self.first is None or self._moment(stored, zone, self.first) >= self.first.first) and (
            self.last is None or self._moment(stored, zone, self.last) <= self.last.last
        )

    def _moment(self, stored: Span, zone: int | None, bound: Span) -> int:
        asked_in = self.zone if bound.zone is None else bound.zone
        return stored.first + shift_between(asked_in or 0, zone)


def shift_between(asked_in: int | None, stored_in: int | None) -> int:
    """What a stored time is put forward, in microseconds, to be read in the query's zone."""
    if asked_in is None or stored_in is None:
        return 0
    return (asked_in - stored_in) * MICROSECONDS_OF_A_MINUTE


def parse_date_range(value: str) -> DateRange | None:
    """Read a date or a range of dates; None if it is neither."""
    first, hyphen, last = (part.strip() for part in value.partition("-"))
    last = last if hyphen else first
    bounds = [bound for bound in (first, last) if bound]
    if not bounds or not all(map(date_span, bounds)) or bounds != sorted(bounds):
        return None
    return DateRange(first, last)


def parse_time_range(value: str, zone: int | None) -> TimeRange | None:
    """Read a time or a range of times, even one that runs backwards; None if it is neither."""
    first, hyphen, last = (part.strip() for part in value.partition("-"))
    last = last if hyphen else first
    spans = [time_span(bound) for bound in (first, last) if bound]
    if not spans or None in spans:
        return None
    begin, end = time_span(first), time_span(last)
    return TimeRange(begin.first if begin else None, end.last if end else None, not hyphen, zone)


def parse_date_time_range(value: str, zone: int | None) -> DateTimeRange | None:
    """Read a date time or a range of them; None if it is neither.

    "-" makes a range wherever it can be read so, PS3.4 C.2.2.2.1.3 note 3;
    else it may begin an offset from UTC.
    """
    found = next(_ranges(value, zone), None)
    single = date_time_span(value)
    return found or (DateTimeRange(single, single, zone) if single else None)


def _ranges(value: str, zone: int | None) -> Iterator[DateTimeRange]:
    for place in (place for place, character in enumerate(value) if character == "-"):
        texts_of_bounds = [value[:place].strip(), value[place + 1 :].strip()]
        bounds = [date_time_span(text) if text else None for text in texts_of_bounds]
        if not any(texts_of_bounds) or any(
            text and not span for text, span in zip(texts_of_bounds, bounds, strict=True)
        ):
            continue
        first, last = bounds
        if first is None or last is None or _in_utc(first, zone).first <= _in_utc(last, zone).last:
            yield DateTimeRange(first, last, zone)


def _in_utc(span: Span, zone: int | None) -> Span:
    shift = ((zone or 0) if span.zone is None else span.zone) * MICROSECONDS_OF_A_MINUTE
    return Span(span.first - shift, span.last - shift)


def texts(values: Iterable[object]) -> Iterator[str]:
    """Those values that are text, without padding."""
    return (value.strip() for value in values if isinstance(value, str))
