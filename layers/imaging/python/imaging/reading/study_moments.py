"""When a study was made, compared with two moments of which one may be left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.reading.date_time_ranges import shift_between, texts
from imaging.reading.moment import Read, Span, date_span, stored_zone, time_span
from imaging.reading.query_keys import STUDY_DATE

_STUDY_TIME = "00080030"


@dataclass(frozen=True)
class StudyMoments:
    """Studies that may have been made between two moments.

    What a study does not tell is no reason to leave it out: without a StudyTime
    it may have been made at any time of its StudyDate. Without a StudyDate
    nobody knows, and it is left out.

    Attributes
    ----------
    since, until
        Both included; None for an open end. One that tells its zone is compared
        in it where the study tells its own, else as it stands.
    """

    since: Span | None
    until: Span | None

    def matches(self, _values: Sequence[object], read: Read | None = None, /) -> bool:
        """Whether the first StudyDate and StudyTime of a match are within."""
        day = next((date_span(value) for value in texts(read(STUDY_DATE.tag))), None) if read else None
        if day is None:
            return False
        within = next((time_span(value) for value in texts(read(_STUDY_TIME))), None) if read else None
        first, last = (day.first + within.first, day.first + within.last) if within else (day.first, day.last)
        zone = stored_zone(read)
        return (self.since is None or last + shift_between(self.since.zone, zone) >= self.since.first) and (
            self.until is None or first + shift_between(self.until.zone, zone) <= self.until.last
        )
