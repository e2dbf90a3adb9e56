"""A query and what it is matched against, in the words of PS3.4 Annex C."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from imaging.model.instance import Instance
from imaging.model.study import Series, Study
from imaging.ports.catalogue import StudyListing
from imaging.reading.matching import DateRange, Matcher, OneOf, values_of
from imaging.reading.query_keys import (
    ACCESSION_NUMBER,
    MATCH_KEYS,
    MODALITIES_IN_STUDY,
    PATIENT_ID,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_DATE,
    STUDY_INSTANCE_UID,
    Level,
)

_LEVEL = {key.tag: key.level for key in MATCH_KEYS}


@dataclass(frozen=True)
class Query:
    """What to look for.

    Attributes
    ----------
    criteria
        By tag; all must match. UIDs that a request's path names are among them.
    limit, offset
        How many matches to return, after how many.
    """

    space: str
    level: Level
    criteria: Mapping[str, Matcher]
    limit: int
    offset: int = 0

    def values(self, tag: str) -> frozenset[str]:
        """The single values that the attribute may have; empty if it is matched otherwise or not at all."""
        matcher = self.criteria.get(tag)
        return matcher.values if isinstance(matcher, OneOf) else frozenset()

    def is_met_by_study(self, study: Study) -> bool:
        """Whether the criteria on patient and study match."""
        return self._is_met(Level.STUDY, partial(_of_study, study))

    def is_met_by_series(self, series: Series) -> bool:
        """Whether the criteria on the series match."""
        return self._is_met(Level.SERIES, partial(_of_series, series))

    def is_met_by_instance(self, instance: Instance) -> bool:
        """Whether the criteria on the instance match."""
        return self._is_met(Level.INSTANCE, partial(_of_instance, instance))

    def _is_met(self, level: Level, values: Callable[[str], list[str]]) -> bool:
        return all(matcher.matches(values(tag)) for tag, matcher in self.criteria.items() if _LEVEL[tag] is level)

    @property
    def listing(self) -> StudyListing:
        """What an index can do for the query."""
        dates = self.criteria.get(STUDY_DATE.tag)
        return StudyListing(
            patient_id=_only(self.values(PATIENT_ID.tag)),
            accession_number=_only(self.values(ACCESSION_NUMBER.tag)),
            first_date=dates.first if isinstance(dates, DateRange) else "",
            last_date=dates.last if isinstance(dates, DateRange) else "",
        )

    @property
    def is_answered_by_listing(self) -> bool:
        """Whether all studies that one index lists match."""
        listing = self.listing
        exact = {PATIENT_ID.tag: listing.patient_id, ACCESSION_NUMBER.tag: listing.accession_number}
        answered = [tag for tag, value in exact.items() if value]
        return len(answered) <= 1 and self.criteria.keys() <= {STUDY_DATE.tag, *answered}


def _only(values: frozenset[str]) -> str:
    return next(iter(values)) if len(values) == 1 else ""


def _of_study(study: Study, tag: str) -> list[str]:
    if tag == STUDY_INSTANCE_UID.tag:
        return [study.key.study_instance_uid]
    if tag == MODALITIES_IN_STUDY.tag:
        return list(study.modalities)
    return values_of(study.attributes, tag)


def _of_series(series: Series, tag: str) -> list[str]:
    if tag == SERIES_INSTANCE_UID.tag:
        return [series.series_instance_uid]
    return values_of(series.attributes, tag)


def _of_instance(instance: Instance, tag: str) -> list[str]:
    if tag == SOP_INSTANCE_UID.tag:
        return [instance.key.sop_instance_uid]
    if tag == SOP_CLASS_UID.tag:
        return [instance.sop_class_uid]
    return values_of(instance.attributes, tag)
