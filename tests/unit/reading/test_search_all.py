from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import StudyKey
from imaging.model.study import Study, StudyState
from imaging.reading.matching import OneOf
from imaging.reading.query import Query
from imaging.reading.query_keys import PATIENT_ID, STUDY_INSTANCE_UID, Level
from imaging.reading.search_all import SearchAll
from imaging.reading.search_catalogue import Match, Page
from imaging.reading.search_patients import CountPatients, SearchPatients, identity_of_patient

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def study(number: int, patient_id: str = "P", issuer: str = "", name: str = "") -> Study:
    attributes = {
        "00100020": {"vr": "LO", "Value": [patient_id]},
        "00100021": {"vr": "LO", "Value": [issuer]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]},
    }
    state = StudyState.FINAL
    return Study(StudyKey("main", f"1.{number}"), state, 1, MOMENT, MOMENT, 1, None, 2, 5, ("CT",), attributes)


@dataclass
class PagesOfStudies:
    """A search whose pages are known; it keeps what it is asked."""

    pages: list[Page]
    max_rows_read: int = 100
    asked: list[Query] = field(default_factory=list)

    def __call__(self, query: Query) -> Page:
        self.asked.append(query)
        if uids := query.values(STUDY_INSTANCE_UID.tag):
            return page(*(study(int(uid[2:])) for uid in sorted(uids)))
        if patient_ids := query.values(PATIENT_ID.tag):
            found = [match for one in self.pages for match in one.matches]
            return Page(
                tuple(match for match in found if identity_of_patient(match.study)[0] in patient_ids), False, False
            )
        return self.pages[int(query.after or 0)]


def page(*studies: Study, next_page: int | None = None, is_cut_short: bool = False) -> Page:
    after = "" if next_page is None else str(next_page)
    return Page(tuple(Match(one) for one in studies), bool(after), is_cut_short, next=after)


def query(**criteria: OneOf) -> Query:
    return Query("main", Level.STUDY, criteria, 10)


def found_by(pages: Iterator[Page]) -> list[str]:
    return [match.study.key.study_instance_uid for one in pages for match in one.matches]


def test_pages_follow_one_another_to_the_end():
    search = PagesOfStudies([page(study(1), next_page=1), page(next_page=2, is_cut_short=True), page(study(2))])
    assert found_by(SearchAll(search)(query())) == ["1.1", "1.2"]
    assert [one.after for one in search.asked] == ["", "1", "2"]


def test_the_next_page_is_read_while_this_one_is_out_and_no_further():
    search = PagesOfStudies([page(study(number), next_page=number + 1) for number in range(9)])
    pages = SearchAll(search)(query())
    next(pages)
    next(pages)
    pages.close()
    assert len(search.asked) <= 3


def test_what_is_read_in_vain_has_an_end():
    search = PagesOfStudies([page(study(1), next_page=0, is_cut_short=True)])
    pages = SearchAll(search, max_fruitless_rows=1_000)(query())
    with pytest.raises(Rejected) as refusal:
        list(pages)
    assert refusal.value.reason is RejectReason.TOO_LARGE
    assert 10 <= len(search.asked) <= 13  # 99 rows of a page


def test_many_uids_are_asked_for_a_few_at_a_time():
    search = PagesOfStudies([])
    uids = {f"1.{number}" for number in range(120)}
    found = found_by(SearchAll(search)(query(**{STUDY_INSTANCE_UID.tag: OneOf(frozenset(uids))})))
    assert sorted(found) == sorted(uids)
    assert [len(one.values(STUDY_INSTANCE_UID.tag)) for one in search.asked] == [50, 50, 20]


def test_each_patient_is_found_once_whatever_page_its_studies_are_on():
    search = PagesOfStudies(
        [
            page(study(1, "A"), study(2, "B"), study(3, "A"), next_page=1),
            page(
                study(4, "A"),
                study(5, "A", "OTHER"),
                study(6, "", name="X"),
                study(7, "", name="Y"),
                study(8, "", name="X"),
            ),
        ]
    )
    found = [[one.key.study_instance_uid for one in some] for some in SearchPatients(SearchAll(search))(query())]
    assert found == [["1.1", "1.2"], ["1.5", "1.6", "1.7"]]


def test_more_patients_than_can_be_told_apart_are_refused():
    search = PagesOfStudies([page(*(study(number, f"P{number}") for number in range(6)))])
    with pytest.raises(Rejected, match="PatientName"):
        list(SearchPatients(SearchAll(search), max_patients=5)(query()))


def test_a_patient_is_counted_once_and_without_those_of_another_issuer():
    search = PagesOfStudies([page(study(1, "A"), study(2, "A"), study(3, "A", "OTHER"), study(4, ""))])
    count = CountPatients(SearchAll(search))
    counts = [count(study(1, "A")), count(study(2, "A"))]
    assert [(one.studies, one.series, one.instances) for one in counts if one] == [(2, 4, 10), (2, 4, 10)]
    assert count(study(4, "")) is None, "of whom nobody knows the other studies"
    assert len(search.asked) == 1
