"""Which studies somebody wants to see, and the space that shows them together."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imaging.dicom.attributes import text
from imaging.errors import Rejected, RejectReason
from imaging.model.links import Links
from imaging.model.study import Study
from imaging.reading.assigned_patient_id import AssignedPatientId, patient_of
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
_ONE_PATIENT = (
    "What is asked for belongs to different patients, who are never shown together; name who assigned the patientID "
    "(ID^^^&1.2.3&ISO), or one space, or fewer studies."
)


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
        The first space that has all of it; or, as none does, every space that
        has some. Empty if nothing was found.
    missing
        How many of the studies or Accession Numbers asked for nobody has.
    is_cut
        There are older ones, beyond `MAX_STUDIES`.
    """

    places: tuple[InSpace, ...]
    missing: int = 0
    is_cut: bool = False


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
        Rejected
            `MALFORMED_REQUEST` if they are of more than one patient, if they
            contradict what is said of the patient, or if they are too many to
            look at.
        """
        return self._of_patient(asked, spaces) if isinstance(asked, PatientAsked) else self._named(asked, spaces)

    def _of_patient(self, asked: PatientAsked, spaces: Sequence[str]) -> DisplayedStudies:
        places = [InSpace(space, tuple(self._with_number(asked.patient_id, space))) for space in spaces]
        self._check_patient(_first_copies(places))  # before anything is filtered: who else has the number counts
        meets = _filter(asked)
        places = [replace(place, studies=tuple(filter(meets, place.studies))) for place in places]
        matching = _first_copies(places)
        wanted = len(matching) if asked.most_recent is None else asked.most_recent
        shown = self._together(places, matching[: min(wanted, MAX_STUDIES)])
        for place in shown:
            _check_person(asked, place.studies)
        return DisplayedStudies(shown, is_cut=min(wanted, len(matching)) > MAX_STUDIES)

    def _named(self, asked: StudiesAsked, spaces: Sequence[str]) -> DisplayedStudies:
        places = [InSpace(space, tuple(self._with_names(asked, space))) for space in spaces]
        found = _first_copies(places)
        self._check_patient(found)
        if len(found) > MAX_STUDIES:
            raise _malformed(f"There are over {MAX_STUDIES} studies of these accession numbers; ask by studyUID.")
        return DisplayedStudies(self._together(places, found), _missing(asked, found))

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

    def _together(self, places: Sequence[InSpace], wanted: Sequence[Study]) -> tuple[InSpace, ...]:
        uids = {study.key.study_instance_uid for study in wanted}
        kept = [InSpace(place.space, _newest_first(_only(uids, place.studies))) for place in places]
        some = tuple(place for place in kept if place.studies)
        shown = next(((place,) for place in some if len(place.studies) == len(uids)), some)
        for place in shown:
            self._check_patient(place.studies)
        return shown

    def _check_patient(self, studies: Collection[Study]) -> None:
        if len({patient_of(study, self._spaces[study.key.space], self._links) for study in studies}) > 1:
            raise _malformed(_ONE_PATIENT)


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


def _check_person(asked: PatientAsked, studies: Sequence[Study]) -> None:
    for study in studies:
        if asked.birth_date and is_other_birth_date(asked.birth_date, study.attributes):
            raise _malformed("The studies under this patientID have another birth date than patientBirthDate says.")
        if asked.name and is_other_name(asked.name, study.attributes):
            raise _malformed("The studies under this patientID have another name than patientName says.")


def _moment(study: Study) -> tuple[str, str, str]:
    date, time = (text(study.attributes, tag).strip() for tag in (STUDY_DATE.tag, _STUDY_TIME))
    return date, time, study.key.study_instance_uid


def _one_of(key: MatchKey, values: Collection[str]) -> dict[str, Matcher]:
    return {key.tag: OneOf(frozenset(values))}


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, sentence)
