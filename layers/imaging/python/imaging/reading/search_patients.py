"""Patients, which the manifest knows by their studies; PS3.4 Section C.6.1.1.1."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from imaging.dicom.attributes import text
from imaging.errors import Rejected, RejectReason
from imaging.model.study import Study
from imaging.reading.match_attributes import element
from imaging.reading.matching import OneOf
from imaging.reading.query import Query
from imaging.reading.query_keys import PATIENT_ID, PATIENT_NAME, Level
from imaging.reading.search_all import SearchAll
from imaging.reading.search_catalogue import Page

MAX_PATIENTS = 100_000  # some 10 MB

PATIENT_ATTRIBUTES = frozenset(
    (
        *("00100010", "00100020", "00100021", "00100022", "00100024", "00100026", "00100027", "00100030"),
        *("00100032", "00100033", "00100034", "00100035", "00100040", "00101000", "00101001", "00101002"),
        *("00101005", "00101060", "00102160", "00104000"),
    )
)
"""Those of the Patient Module, PS3.3 Section C.7.1.1; PatientAge and others of group 0010 are a study's."""

NUMBER_OF_PATIENT_RELATED_STUDIES = "00201200"
NUMBER_OF_PATIENT_RELATED_SERIES = "00201202"
NUMBER_OF_PATIENT_RELATED_INSTANCES = "00201204"
PATIENT_COUNTS = (
    NUMBER_OF_PATIENT_RELATED_STUDIES,
    NUMBER_OF_PATIENT_RELATED_SERIES,
    NUMBER_OF_PATIENT_RELATED_INSTANCES,
)

_ISSUER_OF_PATIENT_ID = "00100021"
_PATIENT_BIRTH_DATE = "00100030"
_STUDIES_A_PAGE = 99
_MOST_REMEMBERED = 1_000


@dataclass(frozen=True)
class PatientCounts:
    """What there is of a patient."""

    studies: int = 0
    series: int = 0
    instances: int = 0

    @property
    def attributes(self) -> dict[str, Any]:
        """The same in DICOM JSON."""
        counts = (self.studies, self.series, self.instances)
        return {tag: element("IS", count) for tag, count in zip(PATIENT_COUNTS, counts, strict=True)}


def identity_of_patient(study: Study) -> tuple[str, ...]:
    """What tells the patient of a study from others: Patient ID and its issuer.

    Without a Patient ID it is name and birth date.
    """
    patient_id, issuer = (text(study.attributes, tag).strip() for tag in (PATIENT_ID.tag, _ISSUER_OF_PATIENT_ID))
    if patient_id:
        return patient_id, issuer
    return "", issuer, *(text(study.attributes, tag).strip() for tag in (PATIENT_NAME.tag, _PATIENT_BIRTH_DATE))


class SearchPatients:
    """Finds patients, each by the newest of its studies that match.

    Parameters
    ----------
    max_patients
        How many it can tell apart in one search.
    """

    def __init__(self, search_all: SearchAll, *, max_patients: int = MAX_PATIENTS) -> None:
        self._search_all = search_all
        self._max_patients = max_patients

    def __call__(self, query: Query) -> Iterator[list[Study]]:
        """A study of each patient, some at a time, also none.

        Parameters
        ----------
        query
            For studies, by what is of their patients.

        Raises
        ------
        Rejected
            With some of them: `TOO_LARGE` when there are too many.
        """
        seen: set[bytes] = set()
        for page in self._search_all(query):
            yield self._first_seen(page, seen)

    def _first_seen(self, page: Page, seen: set[bytes]) -> list[Study]:
        found = []
        for match in page.matches:
            digest = blake2b("\0".join(identity_of_patient(match.study)).encode(), digest_size=16).digest()
            if digest not in seen:
                seen.add(digest)
                found.append(match.study)
        if len(seen) > self._max_patients:
            raise Rejected(
                RejectReason.TOO_LARGE, "Too many patients; add PatientID or the beginning of a PatientName."
            )
        return found


class CountPatients:
    """Counts what there is of patients, for one search: of the same patient once, as long as it is remembered."""

    def __init__(self, search_all: SearchAll) -> None:
        self._search_all = search_all
        self._counted: dict[tuple[str, ...], PatientCounts] = {}

    def __call__(self, study: Study) -> PatientCounts | None:
        """What there is of the patient of a study.

        None without a Patient ID: who has the same name need not be the same patient.
        """
        patient = identity_of_patient(study)
        if not patient[0]:
            return None
        if patient not in self._counted:
            if len(self._counted) >= _MOST_REMEMBERED:
                self._counted.clear()
            self._counted[patient] = self._count(study.key.space, patient)
        return self._counted[patient]

    def _count(self, space: str, patient: tuple[str, ...]) -> PatientCounts:
        criteria = {PATIENT_ID.tag: OneOf(frozenset({patient[0]}))}
        studies = series = instances = 0
        for page in self._search_all(Query(space, Level.STUDY, criteria, _STUDIES_A_PAGE)):
            for each in (match.study for match in page.matches):
                if identity_of_patient(each) == patient:
                    studies, series, instances = studies + 1, series + each.series, instances + each.instances
        return PatientCounts(studies, series, instances)
