"""One search on its way down from studies to what is asked for, from any place in its order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

from imaging.dicom.attributes import text
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.study import Series, Study
from imaging.ports.catalogue import Catalogue, ListedStudy, Location, StudyContents
from imaging.reading.query import Query
from imaging.reading.query_keys import SERIES_INSTANCE_UID, SOP_INSTANCE_UID, STUDY_DATE, STUDY_INSTANCE_UID, Level
from imaging.reading.search_cursor import Position, foreign_cursor
from imaging.reading.study_listing import ServingListings, merged, serving

_KEYS_AT_A_TIME = 1_000
_STUDIES_AT_A_TIME = 100  # rows that one BatchGetItem gives
_STUDIES_AT_A_TIME_BELOW = 10  # the series or instances of a few studies fill a page
_UNDATED = "0"  # before all dates, as the indexes have it


@dataclass(frozen=True)
class Match:
    """What was found, with what it belongs to."""

    study: Study
    series: Series | None = None
    instance: Instance | None = None


class TooManyRows(Exception):
    """The walk may read no further."""


class SearchWalk:
    """Reads as the caller goes on, and no more rows than it may.

    Parameters
    ----------
    begin
        Where to go on; None for the beginning.
    rows_left
        How many rows it may read. It goes on to the next study, series or
        instance in any case, so that whoever goes on from `reached` gets ahead.

    Attributes
    ----------
    is_indexed
        An index leaves out studies that do not match, or all of them match.
    """

    def __init__(
        self, catalogue: Catalogue, contents: StudyContents, query: Query, begin: Position | None, rows_left: int
    ) -> None:
        self._catalogue = catalogue
        self._contents = contents
        self._query = query
        self._begin = begin
        self._rows_left = rows_left
        self._locate = cache(lambda uid: catalogue.locate(query.space, uid))
        self._serving: ServingListings = serving(query)
        self._to_skip = query.offset + (begin.to_skip if begin else 0)
        self._reached = replace(begin, to_skip=0) if begin else None
        self._begun = self._reached
        self.is_indexed = bool(self._names_uids or self._serving.narrows or not query.criteria)
        if begin and not self._names_uids and not self._serving.holds(begin.place):
            raise foreign_cursor()

    def matches(self) -> Iterator[tuple[Match, Position]]:
        """All matches from the query's offset on, each with its place.

        Raises
        ------
        TooManyRows
            In place of the next one.
        """
        query = self._query
        if query.level is Level.STUDY and self._serving.is_exact:
            skip, self._to_skip = self._to_skip, 0
            listed = islice(self._listed(min(skip + query.limit + 1, _KEYS_AT_A_TIME)), skip, None)
            found = self._read(listed, at_a_time=min(query.limit + 1, _STUDIES_AT_A_TIME))
            return ((Match(study), Position(of.place)) for study, of in found)
        matches: Iterator[tuple[Match, Position]]
        if query.level is Level.STUDY:
            studies = self._studies(min(self._to_skip + query.limit + 1, _STUDIES_AT_A_TIME))
            matches = ((Match(study), Position(of.place)) for study, of in studies)
        else:
            matches = self._below_studies()
        return self._behind_the_skipped(matches)

    @property
    def reached(self) -> Position | None:
        """What was looked at last, matching or not; None where nothing was."""
        return replace(self._reached, to_skip=self._to_skip) if self._reached else None

    def _behind_the_skipped(self, matches: Iterator[tuple[Match, Position]]) -> Iterator[tuple[Match, Position]]:
        for match in matches:
            if self._to_skip:
                self._to_skip -= 1
            else:
                yield match

    @property
    def _names_uids(self) -> bool:
        keys = (STUDY_INSTANCE_UID, SOP_INSTANCE_UID, SERIES_INSTANCE_UID)
        return any(self._query.values(key.tag) for key in keys)

    def _studies(self, at_a_time: int) -> Iterator[tuple[Study, ListedStudy]]:
        """Those that match as studies, behind the place where the walk begins."""
        if not self._names_uids:
            if not self.is_indexed:
                return self._read(self._listed(_KEYS_AT_A_TIME), at_a_time=_STUDIES_AT_A_TIME)
            return self._read(self._listed(at_a_time), at_a_time=at_a_time)
        keys = self._named_studies()
        self._rows_left -= len(keys)
        studies = {study.key: study for study in self._catalogue.read_studies(sorted(keys))}
        places = sorted((_place(study), study.key) for study in studies.values())
        named = (ListedStudy(key, place) for place, key in reversed(places))
        return self._matching(studies, (each for each in named if self._is_ahead(each)))

    def _named_studies(self) -> set[StudyKey]:
        """The studies that the query's UIDs lead to."""
        if uids := self._query.values(STUDY_INSTANCE_UID.tag):
            return {StudyKey(self._query.space, uid) for uid in uids}
        uids = self._query.values(SOP_INSTANCE_UID.tag) or self._query.values(SERIES_INSTANCE_UID.tag)
        return {location.study for uid in uids for location in self._locate(uid)}

    def _is_ahead(self, listed: ListedStudy) -> bool:
        return self._begin is None or listed.place < self._begin.place

    def _listed(self, at_a_time: int) -> Iterator[ListedStudy]:
        after = self._begin.place if self._begin else None
        listings = [
            self._catalogue.list_studies(self._query.space, listing, at_a_time=at_a_time, after=after)
            for listing in self._serving.listings
        ]
        return merged(listings) if len(listings) > 1 else listings[0]

    def _read(self, listed: Iterable[ListedStudy], *, at_a_time: int) -> Iterator[tuple[Study, ListedStudy]]:
        rest = iter(listed)
        while batch := list(islice(rest, max(1, min(at_a_time, self._rows_left)))):
            self._spend(len(batch))
            studies = {study.key: study for study in self._catalogue.read_studies([each.key for each in batch])}
            yield from self._matching(studies, batch)

    def _matching(
        self, studies: Mapping[StudyKey, Study], listed: Iterable[ListedStudy]
    ) -> Iterator[tuple[Study, ListedStudy]]:
        for each in listed:
            study = studies.get(each.key)
            if study and study.instances > 0 and self._query.is_met_by_study(study):
                yield study, each
            self._reached = Position(each.place)

    def _below_studies(self) -> Iterator[tuple[Match, Position]]:
        below = self._series if self._query.level is Level.SERIES else self._instances
        if self._begin and self._begin.series_instance_uid:
            at = ListedStudy(StudyKey(self._query.space, self._begin.place[-1]), self._begin.place)
            studies = {study.key: study for study in self._catalogue.read_studies([at.key])}
            for study, listed in self._matching(studies, [at]):
                yield from below(study, listed, self._begin)
        for study, listed in self._studies(_STUDIES_AT_A_TIME_BELOW):
            yield from below(study, listed, Position(listed.place))

    def _series(self, study: Study, listed: ListedStudy, begin: Position) -> Iterator[tuple[Match, Position]]:
        for series in self._matching_series(study):
            position = Position(listed.place, series.series_instance_uid)
            if series.series_instance_uid > begin.series_instance_uid:
                yield Match(study, series), position
                self._reached = position

    def _matching_series(self, study: Study) -> list[Series]:
        rows = self._contents.read_series(study.key)
        self._spend(len(rows))
        return [series for series in rows if self._query.is_met_by_series(series, study)]

    def _instances(self, study: Study, listed: ListedStudy, begin: Position) -> Iterator[tuple[Match, Position]]:
        matching = {series.series_instance_uid: series for series in self._matching_series(study)}
        if not matching:
            return
        for instance in self._instance_rows(study.key, matching, begin):
            self._spend(1)
            uids = instance.key.series_instance_uid, instance.key.sop_instance_uid
            series, position = matching.get(uids[0]), Position(listed.place, *uids)
            if series and self._query.is_met_by_instance(instance):
                yield Match(study, series, instance), position
            self._reached = position

    def _instance_rows(self, study: StudyKey, series: Iterable[str], begin: Position) -> Iterator[Instance]:
        """As few rows as hold all matches: the named ones, those of the named series, or the study's."""
        at_a_time = self._to_skip + self._query.limit + 1
        behind = begin.series_instance_uid, begin.sop_instance_uid
        after = behind if all(behind) else None
        if uids := self._query.values(SOP_INSTANCE_UID.tag):
            located = {_instance_at(location) for uid in uids for location in self._locate(uid)}
            rows = self._contents.read_instances_at([key for key in located if key and key.study == study])
            yield from sorted((row for row in rows if _uids(row) > behind), key=lambda instance: instance.key)
        elif self._query.values(SERIES_INSTANCE_UID.tag):
            for uid in sorted(uid for uid in series if uid >= begin.series_instance_uid):
                yield from self._contents.read_instances(
                    study, uid, at_a_time=at_a_time, after=after if uid == begin.series_instance_uid else None
                )
        else:
            yield from self._contents.read_instances(study, at_a_time=at_a_time, after=after)

    def _spend(self, rows: int) -> None:
        if self._rows_left <= 0 and self._reached != self._begun:
            raise TooManyRows
        self._rows_left -= rows


def _place(study: Study) -> tuple[str, str]:
    """Where an index by date lists a study."""
    return text(study.attributes, STUDY_DATE.tag).strip() or _UNDATED, study.key.study_instance_uid


def _uids(instance: Instance) -> tuple[str, str]:
    return instance.key.series_instance_uid, instance.key.sop_instance_uid


def _instance_at(location: Location) -> InstanceKey | None:
    if location.sop_instance_uid is None:
        return None
    study = location.study
    return InstanceKey(study.space, study.study_instance_uid, location.series_instance_uid, location.sop_instance_uid)
