"""Which studies somebody wants to see, and the space that shows them together."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imaging.dicom.attributes import text
from imaging.errors import Rejected, RejectReason
from imaging.model.links import Links
from imaging.model.study import Study
from imaging.reading.assigned_patient_id import AssignedPatientId, is_known_elsewhere, patient_of
from imaging.reading.matching import Matcher, OneOf, values_of
from imaging.reading.moment import Span
from imaging.reading.query import Query
from imaging.reading.query_keys import (
    ACCESSION_NUMBER,
    MODALITIES_IN_STUDY,
    PATIENT_ID,
    STUDY_DATE,
    STUDY_INSTANCE_UID,
    Level,
    MatchKey,
)
from imaging.reading.same_person import is_other_birth_date, is_other_name
from imaging.reading.search_catalogue import SearchCatalogue
from imaging.reading.study_listing import MOST_LISTINGS
from imaging.reading.study_moments import StudyMoments
from imaging.settings import Space

MAX_STUDIES = 100
"""So many are shown together."""
MAX_STUDIES_OF_A_PATIENT = 1_000
"""So many are looked at in a space, to tell the patients of one number apart."""

_STUDY_TIME = "00080030"
_DIFFERENT_PATIENTS = "What is asked for belongs to different patients, who are never shown together; "
_WHICH_PATIENT = (
    "name who assigned the patientID (ID^^^&1.2.3&ISO or ID^^^&urn:…&URI, where & is written as %26), or one space."
)
_WHICH_STUDIES = "ask for the studies of one patient, or name one space."


@dataclass(frozen=True)
class StudiesAsked:
    """Studies by their Study Instance UIDs, or by their Accession Numbers, each once."""

    study_instance_uids: tuple[str, ...] = ()
    accession_numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class PatientAsked:
    """The studies of a patient.

    Attributes
    ----------
    name, birth_date
        What they must not contradict; "" if nothing is said. The date is
        YYYY-MM-DD, or its beginning.
    since, until
        When they were made, both included.
    modalities
        Of which they have one or more; empty for any.
    most_recent
        How many of them, from the newest; None for all.
    """

    patient_id: AssignedPatientId
    name: str = ""
    birth_date: str = ""
    since: Span | None = None
    until: Span | None = None
    modalities: frozenset[str] = field(default=frozenset())
    most_recent: int | None = None


Asked = StudiesAsked | PatientAsked


@dataclass(frozen=True)
class InSpace:
    """Studies that one space shows together, newest first."""

    space: str
    studies: tuple[Study, ...]


@dataclass(frozen=True)
class DisplayedStudies:
    """What was found.

    Attributes
    ----------
    places
        The spaces that have all of it, of which the first is to show it; or, as
        none does, every space that has some. Empty if nothing was found.
    is_divided
        No space has all of it.
    missing
        How many of the studies or Accession Numbers asked for nobody has.
    is_cut
        There are older ones, beyond `MAX_STUDIES`.
    """

    places: tuple[InSpace, ...]
    is_divided: bool
    missing: int = 0
    is_cut: bool = False


class DifferentPatients(Rejected):
    """What is asked for is of several patients.

    Parameters
    ----------
    places
        The spaces that have some of it of one patient, as each would show it by itself.
    """

    def __init__(self, message: str, places: Iterable[InSpace]) -> None:
        super().__init__(RejectReason.MALFORMED_REQUEST, message)
        self.places = tuple(places)


class FindDisplayedStudies:
    """Finds studies of one patient; what it costs is bounded, however much is stored."""

    def __init__(self, search: SearchCatalogue, spaces: Mapping[str, Space], links: Links) -> None:
        self._search = search
        self._spaces = spaces
        self._links = links

    def __call__(self, asked: Asked, spaces: Sequence[str]) -> DisplayedStudies:
        """Find them in `spaces`, of which the first comes first.

        Raises
        ------
        DifferentPatients
            If they are of more than one patient.
        Rejected
            `MALFORMED_REQUEST` if they contradict what is said of the patient,
            or if they are too many to look at.
        """
        if isinstance(asked, StudiesAsked):
            return self._named(asked, [InSpace(space, tuple(self._with_names(asked, space))) for space in spaces])
        return self._of_patient(
            asked, [InSpace(space, tuple(self._with_number(asked.patient_id, space))) for space in spaces]
        )

    def _of_patient(self, asked: PatientAsked, places: Sequence[InSpace]) -> DisplayedStudies:
        if self._is_of_several(places):  # before anything is filtered: who else has the number counts
            raise DifferentPatients(_DIFFERENT_PATIENTS + _WHICH_PATIENT, self._apart(asked, places))
        meets = _filter(asked)
        places = [replace(place, studies=tuple(filter(meets, place.studies))) for place in places]
        matching = _first_copies(places)
        wanted = len(matching) if asked.most_recent is None else asked.most_recent
        shown = self._together(asked, places, matching[: min(wanted, MAX_STUDIES)])
        return replace(shown, is_cut=min(wanted, len(matching)) > MAX_STUDIES)

    def _apart(self, asked: PatientAsked, places: Sequence[InSpace]) -> Iterator[InSpace]:
        """What each space shows by itself, of those whose own studies of the number are one patient's."""
        for place in places if len(places) > 1 else ():
            try:
                yield from self._of_patient(asked, [place]).places
            except Rejected:
                continue  # it has several patients too, or somebody else than who is asked for

    def _named(self, asked: StudiesAsked, places: Sequence[InSpace]) -> DisplayedStudies:
        found = _first_copies(places)
        if len(found) > MAX_STUDIES:
            raise _malformed(f"There are over {MAX_STUDIES} studies of these accession numbers; ask by studyUID.")
        return replace(self._together(asked, places, found), missing=_missing(asked, found))

    def _with_names(self, asked: StudiesAsked, space: str) -> Iterator[Study]:
        key = STUDY_INSTANCE_UID if asked.study_instance_uids else ACCESSION_NUMBER
        values = asked.study_instance_uids or asked.accession_numbers
        at_a_time = MAX_STUDIES if asked.study_instance_uids else MOST_LISTINGS  # for more numbers there is no index
        found: dict[str, Study] = {}
        for begin in range(0, len(values), at_a_time):
            criteria = _one_of(key, values[begin : begin + at_a_time])
            page = self._search(Query(space, Level.STUDY, criteria, MAX_STUDIES + 1))
            found |= {match.study.key.study_instance_uid: match.study for match in page.matches}
        yield from found.values()

    def _with_number(self, patient_id: AssignedPatientId, space: str) -> Iterator[Study]:
        query = Query(space, Level.STUDY, _one_of(PATIENT_ID, [patient_id.value]), MAX_STUDIES)
        for _ in range(MAX_STUDIES_OF_A_PATIENT // MAX_STUDIES):
            page = self._search(query)
            for match in page.matches:
                if patient_id.is_of(match.study, self._spaces[space], self._links):
                    yield match.study
            if not page.next:
                return
            query = replace(query, after=page.next)
        raise _malformed(
            f"Over {MAX_STUDIES_OF_A_PATIENT} studies have the number of this patientID; "
            "ask by studyUID or accessionNumber."
        )

    def _together(self, asked: Asked, places: Sequence[InSpace], wanted: Sequence[Study]) -> DisplayedStudies:
        uids = {study.key.study_instance_uid for study in wanted}
        kept = [InSpace(place.space, _newest_first(_only(uids, place.studies))) for place in places]
        some = [place for place in kept if place.studies]
        whole = [place for place in some if len(place.studies) == len(uids)]
        of_one = [place for place in some if len(self._patients(place.studies)) == 1]
        if any(place not in of_one for place in whole[:1] or some):
            which = _WHICH_STUDIES if isinstance(asked, StudiesAsked) else _WHICH_PATIENT
            apart = [place for place in of_one if not _contradiction(asked, place.studies)]
            raise DifferentPatients(_DIFFERENT_PATIENTS + which, apart)
        for place in whole[:1] or some:
            if contradiction := _contradiction(asked, place.studies):
                raise _malformed(contradiction)
        others = [place for place in whole[1:] if place in of_one and not _contradiction(asked, place.studies)]
        return DisplayedStudies(tuple([*whole[:1], *others] or some), is_divided=not whole)

    def _is_of_several(self, places: Sequence[InSpace]) -> bool:
        """Whether several patients have the number, wherever.

        Of a study that several spaces have the first copy counts, and others as
        far as they say who assigned the number: what a space calls it by itself
        is no other patient's.
        """
        known = [
            study
            for place in places
            for study in place.studies
            if is_known_elsewhere(study, self._spaces[place.space], self._links)
        ]
        return max(len(self._patients(_first_copies(places))), len(self._patients(known))) > 1

    def _patients(self, studies: Iterable[Study]) -> set[tuple[str, ...]]:
        return {patient_of(study, self._spaces[study.key.space], self._links) for study in studies}


def _filter(asked: PatientAsked) -> Callable[[Study], bool]:
    criteria: dict[str, Matcher] = _one_of(MODALITIES_IN_STUDY, asked.modalities) if asked.modalities else {}
    if asked.since or asked.until:
        criteria[STUDY_DATE.tag] = StudyMoments(asked.since, asked.until)
    return Query("", Level.STUDY, criteria, 0).is_met_by_study


def _first_copies(places: Sequence[InSpace]) -> list[Study]:
    """Every study as the first space has it that has it, newest first."""
    copies: dict[str, Study] = {}
    for place in places:
        for study in place.studies:
            copies.setdefault(study.key.study_instance_uid, study)
    return list(_newest_first(copies.values()))


def _newest_first(studies: Iterable[Study]) -> tuple[Study, ...]:
    return tuple(sorted(studies, key=_moment, reverse=True))


def _only(uids: Collection[str], studies: Sequence[Study]) -> list[Study]:
    return [study for study in studies if study.key.study_instance_uid in uids]


def _missing(asked: StudiesAsked, found: Sequence[Study]) -> int:
    if asked.study_instance_uids:
        return len(set(asked.study_instance_uids) - {study.key.study_instance_uid for study in found})
    numbers = {number for study in found for number in values_of(study.attributes, ACCESSION_NUMBER.tag)}
    return len(set(asked.accession_numbers) - numbers)


def _contradiction(asked: Asked, studies: Iterable[Study]) -> str:
    """How studies are of somebody else than who is asked for; "" if they may be of them."""
    if isinstance(asked, StudiesAsked):
        return ""
    for study in studies:
        if asked.birth_date and is_other_birth_date(asked.birth_date, study.attributes):
            return "The studies under this patientID have another birth date than patientBirthDate says."
        if asked.name and is_other_name(asked.name, study.attributes):
            return "The studies under this patientID have another name than patientName says."
    return ""


def _moment(study: Study) -> tuple[str, str, str]:
    date, time = (text(study.attributes, tag).strip() for tag in (STUDY_DATE.tag, _STUDY_TIME))
    return date, time, study.key.study_instance_uid


def _one_of(key: MatchKey, values: Collection[str]) -> dict[str, Matcher]:
    return {key.tag: OneOf(frozenset(values))}


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, sentence)
