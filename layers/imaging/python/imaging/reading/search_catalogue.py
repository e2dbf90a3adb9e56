"""Search studies, series and instances; what it costs follows the page asked for.

One index lists the studies, newest first. What it cannot decide is matched on
the rows themselves, a few at a time, until the page is full or `MAX_ROWS_READ`
is reached; the answer then says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.study import Series, Study
from imaging.ports.catalogue import Catalogue, Location, StudyContents
from imaging.reading.matching import values_of
from imaging.reading.query import Query
from imaging.reading.query_keys import SERIES_INSTANCE_UID, SOP_INSTANCE_UID, STUDY_DATE, STUDY_INSTANCE_UID, Level

MAX_ROWS_READ = 10_000  # about 1 KB each: some 10 MB and two seconds, well inside a request's time

_KEYS_AT_A_TIME = 1_000
_STUDIES_AT_A_TIME = 100  # rows that one BatchGetItem gives
_STUDIES_AT_A_TIME_BELOW = 10  # the series or instances of a few studies fill a page


@dataclass(frozen=True)
class Match:
    """What was found, with what it belongs to."""

    study: Study
    series: Series | None = None
    instance: Instance | None = None


@dataclass(frozen=True)
class Page:
    """One page of a search.

    Attributes
    ----------
    has_more
        Further matches follow.
    is_cut_short
        `MAX_ROWS_READ` was reached before the page was full; there may be further matches.
    """

    matches: tuple[Match, ...]
    has_more: bool
    is_cut_short: bool


class SearchCatalogue:
    """Answers queries at all three levels."""

    def __init__(self, catalogue: Catalogue, contents: StudyContents, *, max_rows_read: int = MAX_ROWS_READ) -> None:
        self._catalogue = catalogue
        self._contents = contents
        self._max_rows_read = max_rows_read

    def __call__(self, query: Query) -> Page:
        """Find the page, in the same order each time: StudyDate from the newest, then UIDs."""
        walk = _Walk(self._catalogue, self._contents, query, self._max_rows_read)
        matches: list[Match] = []
        is_cut_short = False
        try:
            for match in islice(walk.matches(), query.limit + 1):
                matches.append(match)
        except _TooManyRows:
            is_cut_short = True
        return Page(tuple(matches[: query.limit]), len(matches) > query.limit, is_cut_short)


class _TooManyRows(Exception):
    """The walk may read no further."""


class _Walk:
    """One search on its way down from studies to what is asked for."""

    def __init__(self, catalogue: Catalogue, contents: StudyContents, query: Query, rows_left: int) -> None:
        self._catalogue = catalogue
        self._contents = contents
        self._query = query
        self._rows_left = rows_left
        self._locate = cache(lambda uid: catalogue.locate(query.space, uid))

    def matches(self) -> Iterator[Match]:
        """All matches from the query's offset on, read as the caller goes on."""
        query = self._query
        if query.level is Level.STUDY and query.is_answered_by_listing:
            wanted = query.offset + query.limit + 1
            keys = islice(self._list_studies(min(wanted, _KEYS_AT_A_TIME)), query.offset, None)
            return map(Match, self._read(keys, at_a_time=min(query.limit + 1, _STUDIES_AT_A_TIME)))
        found: Iterator[Match]
        if query.level is Level.STUDY:
            found = map(Match, self._studies(_STUDIES_AT_A_TIME))
        else:
            below = self._series if query.level is Level.SERIES else self._instances
            found = (match for study in self._studies(_STUDIES_AT_A_TIME_BELOW) for match in below(study))
        return islice(found, query.offset, None)

    def _studies(self, at_a_time: int) -> Iterator[Study]:
        named = self._named_studies()
        if named is None:
            return self._read(self._list_studies(at_a_time), at_a_time=at_a_time)
        return iter(sorted(self._read(named, at_a_time=_STUDIES_AT_A_TIME), key=_listed, reverse=True))

    def _named_studies(self) -> set[StudyKey] | None:
        """The studies that the query's UIDs lead to; None if it names none."""
        if uids := self._query.values(STUDY_INSTANCE_UID.tag):
            return {StudyKey(self._query.space, uid) for uid in uids}
        uids = self._query.values(SOP_INSTANCE_UID.tag) or self._query.values(SERIES_INSTANCE_UID.tag)
        return {location.study for uid in uids for location in self._locate(uid)} if uids else None

    def _list_studies(self, at_a_time: int) -> Iterator[StudyKey]:
        return self._catalogue.list_studies(self._query.space, self._query.listing, at_a_time=at_a_time)

    def _read(self, keys: Iterable[StudyKey], *, at_a_time: int) -> Iterator[Study]:
        rest = iter(keys)
        while batch := list(islice(rest, at_a_time)):
            self._spend(len(batch))
            for study in self._catalogue.read_studies(batch):
                if study.instances > 0 and self._query.is_met_by_study(study):
                    yield study

    def _series(self, study: Study) -> Iterator[Match]:
        for series in self._contents.read_series(study.key):
            self._spend(1)
            if self._query.is_met_by_series(series):
                yield Match(study, series)

    def _instances(self, study: Study) -> Iterator[Match]:
        matching = {match.series.series_instance_uid: match.series for match in self._series(study) if match.series}
        if not matching:
            return
        for instance in self._instance_rows(study.key, matching):
            self._spend(1)
            series = matching.get(instance.key.series_instance_uid)
            if series and self._query.is_met_by_instance(instance):
                yield Match(study, series, instance)

    def _instance_rows(self, study: StudyKey, series: Iterable[str]) -> Iterator[Instance]:
        """As few rows as hold all matches: the named ones, those of the named series, or the study's."""
        at_a_time = self._query.offset + self._query.limit + 1
        if uids := self._query.values(SOP_INSTANCE_UID.tag):
            located = {_instance_at(location) for uid in uids for location in self._locate(uid)}
            rows = self._contents.read_instances_at([key for key in located if key and key.study == study])
            yield from sorted(rows, key=lambda instance: instance.key)
        elif self._query.values(SERIES_INSTANCE_UID.tag):
            for series_instance_uid in series:
                yield from self._contents.read_instances(study, series_instance_uid, at_a_time=at_a_time)
        else:
            yield from self._contents.read_instances(study, at_a_time=at_a_time)

    def _spend(self, rows: int) -> None:
        self._rows_left -= rows
        if self._rows_left < 0:
            raise _TooManyRows


def _listed(study: Study) -> tuple[str, str]:
    """The order in which an index lists studies; the undated ones are the oldest."""
    dates = values_of(study.attributes, STUDY_DATE.tag)
    return (dates[0] if dates else "", study.key.study_instance_uid)


def _instance_at(location: Location) -> InstanceKey | None:
    if location.sop_instance_uid is None:
        return None
    study = location.study
    return InstanceKey(study.space, study.study_instance_uid, location.series_instance_uid, location.sop_instance_uid)
