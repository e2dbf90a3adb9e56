"""Which index serves a query: the one that leaves the fewest studies to look at."""

import heapq
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from imaging.ports.catalogue import ListedStudy, Place, StudyListing
from imaging.reading.date_time_ranges import DateRange
from imaging.reading.matcher import AllOf, Matcher, OneOf
from imaging.reading.query import Query
from imaging.reading.query_keys import (
    ACCESSION_NUMBER,
    MODALITIES_IN_STUDY,
    MODALITY,
    PATIENT_ID,
    STUDY_DATE,
    Level,
)

PATIENT_NAME = "00100010"
MOST_LISTINGS = 16  # each is a query of its own, a page long
_LONGEST_NAME = 150  # characters; an index holds no fewer of a name
_FIRST_DATE, _LAST_DATE = "00000001", "99999999"  # of those that have one


@runtime_checkable
class NameMatcher(Protocol):
    """What an index must know of a matcher of names."""

    @property
    def prefixes(self) -> Collection[str]:
        """With what a component group of every matching name begins, as `imaging.dicom.comparable_text` makes it."""

    @property
    def is_exact(self) -> bool:
        """Whether the prefix is all of the group."""


@dataclass(frozen=True)
class ServingListings:
    """Listings of which every study that matches is in one or more.

    Attributes
    ----------
    is_exact
        All studies in them match.
    """

    listings: tuple[StudyListing, ...]
    is_exact: bool

    @property
    def narrows(self) -> bool:
        """Whether they leave out any study."""
        return self.listings != (StudyListing(),)

    def holds(self, place: Place) -> bool:
        """Whether the place can be one of these listings'."""
        return any(_holds(listing, place) for listing in self.listings)


def serving(query: Query) -> ServingListings:
    """Accession number before patient, name, modality and date; what they leave open is matched on the rows.

    Patient ID, Accession Number and StudyDate have one value, PS3.6. Where an
    instance has several nevertheless, the indexes know the first, and so does
    a query that they serve; any other way of matching finds all of them.
    """
    criteria = query.criteria
    dates = criteria.get(STUDY_DATE.tag)
    listing = StudyListing()
    answered = set()
    if isinstance(dates, DateRange):
        listing = StudyListing(first_date=dates.first, last_date=dates.last)
        answered.add(STUDY_DATE.tag)
    listings = [listing]
    if accession_numbers := _values(criteria.get(ACCESSION_NUMBER.tag)):
        listings = [replace(listing, accession_number=value) for value in accession_numbers]
        answered.add(ACCESSION_NUMBER.tag)
    elif patient_ids := _values(criteria.get(PATIENT_ID.tag)):
        listings = [replace(listing, patient_id=value) for value in patient_ids]
        answered.add(PATIENT_ID.tag)
    elif by_name := _by_name(criteria.get(PATIENT_NAME), listing):
        listings = [by_name]
    elif modalities := _values(criteria.get(MODALITIES_IN_STUDY.tag)):
        listings = [replace(listing, modality=value) for value in modalities]
        answered.add(MODALITIES_IN_STUDY.tag)
    elif modalities := _values(criteria.get(MODALITY.tag)):
        listings = [replace(listing, modality=value) for value in modalities]
    whole = {tag for tag in answered if isinstance(criteria[tag], DateRange | OneOf)}
    return ServingListings(tuple(listings), query.level is Level.STUDY and criteria.keys() <= whole)


def merged(listings: Sequence[Iterator[ListedStudy]]) -> Iterator[ListedStudy]:
    """Listings by date as one, a study that is in several of them once."""
    last: Place = ()
    for listed in heapq.merge(*listings, key=lambda listed: listed.place, reverse=True):
        if listed.place != last:
            last = listed.place
            yield listed


def _values(matcher: Matcher | None) -> list[str]:
    """The values that are looked for, if they are few enough to look for each."""
    if isinstance(matcher, AllOf):  # what has all of them has the first
        return _values(matcher.matchers[0])
    values = sorted(matcher.values) if isinstance(matcher, OneOf) else []
    return values if len(values) <= MOST_LISTINGS and all(values) else []


def _by_name(matcher: Matcher | None, listing: StudyListing) -> StudyListing | None:
    if not isinstance(matcher, NameMatcher) or len(matcher.prefixes) != 1:
        return None
    [prefix] = matcher.prefixes
    if not prefix:
        return None
    name = prefix[:_LONGEST_NAME]
    return replace(listing, name=name, is_whole_name=matcher.is_exact and name == prefix)


def _holds(listing: StudyListing, place: Place) -> bool:
    if not listing.name:
        return len(place) == 2 and _is_in_range(listing, place[0])
    if len(place) != 3 or not re.fullmatch("[0-9]{8}", place[1]):
        return False
    if not listing.is_whole_name:
        return place[0].startswith(listing.name)
    return place[0] == listing.name and _is_in_range(listing, f"{int(_LAST_DATE) - int(place[1]):08d}")


def _is_in_range(listing: StudyListing, date: str) -> bool:
    """Whether the date can be reached: what has none is in no range, not even in an open one."""
    if not (listing.first_date or listing.last_date):
        return True
    return (listing.first_date or _FIRST_DATE) <= date <= (listing.last_date or _LAST_DATE)
