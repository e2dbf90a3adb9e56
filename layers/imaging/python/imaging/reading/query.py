"""A query and what it is matched against, in the words of PS3.4 Annex C."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from imaging.model.instance import Instance
from imaging.model.study import Series, Study
from imaging.reading.matcher import meets, reader_of
from imaging.reading.matching import Matcher, OneOf
from imaging.reading.moment import Read
from imaging.reading.query_keys import (
    MATCH_KEYS,
    MODALITIES_IN_STUDY,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    TIMEZONE_OFFSET_FROM_UTC,
    Level,
)

MAX_OFFSET = 100_000  # that many keys are read to get there; a range of dates gets there for nothing, `after` too

_LEVEL = {key.tag: key.level for key in MATCH_KEYS}


@dataclass(frozen=True)
class Query:
    """What to look for.

    Attributes
    ----------
    criteria
        By tag; all must match. UIDs that a request's path names are among them.
        A date and its time that are matched as one stand under both tags,
        joined by "+".
    limit, offset
        How many matches to return, after how many.
    after
        `imaging.reading.search_cursor`: go on behind the page that gave it; "" to begin.
    tag_levels
        The levels of those tags that `MATCH_KEYS` does not have.
    """

    space: str
    level: Level
    criteria: Mapping[str, Matcher]
    limit: int
    offset: int = 0
    after: str = ""
    tag_levels: Mapping[str, Level] = field(default_factory=dict)

    def values(self, tag: str) -> frozenset[str]:
        """The single values that the attribute may have; empty if it is matched otherwise or not at all."""
        matcher = self.criteria.get(tag)
        return matcher.values if isinstance(matcher, OneOf) else frozenset()

    def is_met_by_study(self, study: Study) -> bool:
        """Whether the criteria on patient and study match."""
        return self._is_met(Level.STUDY, partial(_of_study, study))

    def is_met_by_series(self, series: Series, study: Study | None = None) -> bool:
        """Whether the criteria on the series match; its study tells in which time zone it is."""
        return self._is_met(Level.SERIES, partial(_of_series, series, study))

    def is_met_by_instance(self, instance: Instance) -> bool:
        """Whether the criteria on the instance match."""
        return self._is_met(Level.INSTANCE, partial(_of_instance, instance))

    def _is_met(self, level: Level, read: Read) -> bool:
        return meets({tag: each for tag, each in self.criteria.items() if self._level(tag) is level}, read)

    def _level(self, tag: str) -> Level:
        first = tag.partition("+")[0]
        return _LEVEL.get(first) or self.tag_levels[first]


def _of_study(study: Study, tag: str) -> Sequence[object]:
    if tag == STUDY_INSTANCE_UID.tag:
        return [study.key.study_instance_uid]
    if tag == MODALITIES_IN_STUDY.tag:
        return study.modalities
    return reader_of(study.attributes)(tag)


def _of_series(series: Series, study: Study | None, tag: str) -> Sequence[object]:
    if tag == SERIES_INSTANCE_UID.tag:
        return [series.series_instance_uid]
    if tag == TIMEZONE_OFFSET_FROM_UTC and study:
        return reader_of(study.attributes)(tag)
    return reader_of(series.attributes)(tag)


def _of_instance(instance: Instance, tag: str) -> Sequence[object]:
    if tag == SOP_INSTANCE_UID.tag:
        return [instance.key.sop_instance_uid]
    if tag == SOP_CLASS_UID.tag:
        return [instance.sop_class_uid]
    return reader_of(instance.attributes)(tag)
