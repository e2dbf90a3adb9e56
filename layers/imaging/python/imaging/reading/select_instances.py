"""Which instances a DIMSE retrieve names, PS3.4 Sections C.4.2.1.4 and C.4.3.1.3: the unique keys of its identifier."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.ports.catalogue import Catalogue, Location, StudyContents
from imaging.reading.matching import OneOf
from imaging.reading.query import Query
from imaging.reading.query_keys import PATIENT_ID, Level
from imaging.reading.retrieve_instances import place_of
from imaging.reading.search_catalogue import SearchCatalogue

_AT_A_TIME = 100  # rows that one BatchGetItem gives
_ISSUER_OF_PATIENT_ID = "00100021"


class TooManyInstances(Exception):
    """More than a retrieve may have."""


@dataclass(frozen=True)
class Selection:
    """Unique keys; what is left empty restricts nothing, and one of them is not empty.

    Attributes
    ----------
    issuer_of_patient_id
        Beside a Patient ID only.
    """

    space: str
    patient_id: str = ""
    issuer_of_patient_id: str = ""
    study_instance_uids: tuple[str, ...] = ()
    series_instance_uids: tuple[str, ...] = ()
    sop_instance_uids: tuple[str, ...] = ()


class SelectInstances:
    """Finds them by rows that are read consistently, wherever the selection names the study; else by indexes."""

    def __init__(self, catalogue: Catalogue, contents: StudyContents) -> None:
        self._catalogue = catalogue
        self._contents = contents
        self._search = SearchCatalogue(catalogue, contents)

    def __call__(self, selection: Selection, at_most: int, go_on: Callable[[], None] = lambda: None) -> list[Instance]:
        """The selected instances, study by study and series by series, each in the order of its instance numbers.

        Their attributes are left out, so that tens of thousands take little
        memory.

        Parameters
        ----------
        go_on
            Called now and then; what it raises ends the reading.

        Raises
        ------
        TooManyInstances
            There are more than `at_most`.
        """
        found: list[tuple[tuple[str, str, int, str], Instance]] = []
        for instance in self._instances(selection, go_on):
            go_on()
            if len(found) == at_most:
                raise TooManyInstances
            place = instance.key.study_instance_uid, *place_of(instance)
            found.append((place, replace(instance, attributes={}, partial_dates={})))
        found.sort(key=lambda placed: placed[0])
        return [instance for _, instance in found]

    def _instances(self, selection: Selection, go_on: Callable[[], None]) -> Iterator[Instance]:
        sop, series, studies = (
            selection.sop_instance_uids,
            selection.series_instance_uids,
            selection.study_instance_uids,
        )
        is_found_by_index = ((sop or series) and not studies) or (sop and len(series) != 1)
        if is_found_by_index:
            return self._at(selection, self._of_patient(selection, self._located(selection, go_on)))
        return chain.from_iterable(self._in_study(selection, study) for study in self._studies(selection))

    def _studies(self, selection: Selection) -> Iterator[StudyKey]:
        named = tuple(StudyKey(selection.space, uid) for uid in dict.fromkeys(selection.study_instance_uids))
        if not selection.patient_id:
            return iter(named)
        return self._studies_of_patient(selection, named) if named else self._all_of_patient(selection)

    def _in_study(self, selection: Selection, study: StudyKey) -> Iterator[Instance]:
        series = dict.fromkeys(selection.series_instance_uids)
        if selection.sop_instance_uids:  # of the one series
            (one,) = series
            keys = [
                InstanceKey(study.space, study.study_instance_uid, one, uid)
                for uid in dict.fromkeys(selection.sop_instance_uids)
            ]
            yield from self._named(keys)
            return
        for series_instance_uid in series or (None,):
            yield from self._contents.read_instances(study, series_instance_uid)

    def _located(self, selection: Selection, go_on: Callable[[], None]) -> Iterator[Location]:
        """Where series or instances are whose study or series nobody names."""
        are_instances = bool(selection.sop_instance_uids)
        for uid in dict.fromkeys(selection.sop_instance_uids or selection.series_instance_uids):
            go_on()
            for place in self._catalogue.locate(selection.space, uid):
                # A series may have the UID of an instance, or the other way round.
                if _is_within(place, selection) and _is_instance(place) == are_instances:
                    yield place

    def _of_patient(self, selection: Selection, places: Iterator[Location]) -> Iterator[Location]:
        if not selection.patient_id:
            yield from places
            return
        while some := list(islice(places, _AT_A_TIME)):
            studies = set(self._studies_of_patient(selection, dict.fromkeys(place.study for place in some)))
            yield from (place for place in some if place.study in studies)

    def _at(self, selection: Selection, places: Iterator[Location]) -> Iterator[Instance]:
        if selection.sop_instance_uids:
            yield from self._named(map(_key, places))
            return
        for place in places:
            yield from self._contents.read_instances(place.study, place.series_instance_uid)

    def _named(self, keys: Iterable[InstanceKey]) -> Iterator[Instance]:
        left = iter(keys)
        while some := list(islice(left, _AT_A_TIME)):
            yield from self._contents.read_instances_at(some)

    def _studies_of_patient(self, selection: Selection, studies: Iterable[StudyKey]) -> Iterator[StudyKey]:
        query, left = _query(selection), iter(studies)
        while some := list(islice(left, _AT_A_TIME)):
            for study in self._catalogue.read_studies(some):
                if query.is_met_by_study(study):
                    yield study.key

    def _all_of_patient(self, selection: Selection) -> Iterator[StudyKey]:
        query = _query(selection)
        while True:
            page = self._search(query)
            yield from (match.study.key for match in page.matches)
            if not page.next:
                return
            query = replace(query, after=page.next)


def _query(selection: Selection) -> Query:
    criteria = {PATIENT_ID.tag: OneOf(frozenset({selection.patient_id}))}
    if selection.issuer_of_patient_id:
        criteria[_ISSUER_OF_PATIENT_ID] = OneOf(frozenset({selection.issuer_of_patient_id}))
    return Query(selection.space, Level.STUDY, criteria, _AT_A_TIME)


def _is_instance(place: Location) -> bool:
    return place.sop_instance_uid is not None


def _is_within(place: Location, selection: Selection) -> bool:
    studies, series = selection.study_instance_uids, selection.series_instance_uids
    return (not studies or place.study.study_instance_uid in studies) and (
        not series or place.series_instance_uid in series
    )


def _key(place: Location) -> InstanceKey:
    study = place.study
    return InstanceKey(study.space, study.study_instance_uid, place.series_instance_uid, str(place.sop_instance_uid))
