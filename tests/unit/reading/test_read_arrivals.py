"""What came in, page by page, while it goes on coming in."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.model.completion import Completions
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError, Publication
from imaging.model.publication_state import PublicationStanding, PublicationState
from imaging.model.study import Study, StudyState
from imaging.ports.arrivals import ArrivalPlace
from imaging.reading.read_arrivals import MAX_ROWS_READ, ArrivalsQuery, ReadArrivals
from imaging.settings import Space
from tests.fakes import START

SPACES = ("main", "research", "third")
QUIET = timedelta(seconds=30)
STUDY = StudyKey("main", "1.2")


class World:
    """An index and the rows it is of, which may have moved on since."""

    def __init__(self, studies: Sequence[Study] = ()) -> None:
        self.rows = {study.key: study for study in studies}
        self.opened = {study.key: study.opened_at for study in studies}
        self.rows_read = 0

    def list_arrivals(
        self, space: str, *, first: datetime | None, last: datetime | None, at_a_time: int
    ) -> Iterator[ArrivalPlace]:
        places = [ArrivalPlace(at, key.study_instance_uid, key.space) for key, at in self.opened.items()]
        for place in sorted(places, reverse=True):
            if place.space == space and (first or START.min.replace(tzinfo=UTC)) <= place.opened_at <= (
                last or START.max.replace(tzinfo=UTC)
            ):
                yield place

    def read_studies(self, studies: Sequence[StudyKey]) -> list[Study]:
        self.rows_read += len(studies)
        return [self.rows[key] for key in studies if key in self.rows]

    def read(self, **asked: object) -> "tuple[list[str], ArrivalPlace | None]":
        page = self.page(**asked)
        return [each.study.key.study_instance_uid for each in page.arrived], page.next

    def page(self, **asked):
        spaces = {name: Space(name, name, name, "replace", "") for name in SPACES}
        read = ReadArrivals(self, self, None, Completions(QUIET, spaces))
        return read(ArrivalsQuery(**{"spaces": SPACES, "limit": 50, **asked}))

    def reopen(self, key: StudyKey) -> None:
        """Let it change for the first time since its last revision."""
        at = max(self.opened.values()) + timedelta(seconds=1)
        self.opened[key], self.rows[key] = at, replace(self.rows[key], opened_at=at)


def study(uid: str, opened_after: float = 0, space: str = "main", **other: object) -> Study:
    at = START + timedelta(seconds=opened_after)
    whole = Study(StudyKey(space, uid), StudyState.FINAL, 1, at, at, 1, None, 1, 1, ("CT",), {})
    return replace(whole, **other)


def named(uid: str, name: str, group: str = "Alphabetic", **other: object) -> Study:
    return study(uid, attributes={"00100010": {"vr": "PN", "Value": [{group: name}]}, **other})


def test_studies_of_all_spaces_come_merged_newest_first():
    world = World([study("1.1", 1), study("1.3", 3, "research"), study("1.2", 2, "third"), study("1.4", 4)])
    assert world.read() == (["1.4", "1.3", "1.2", "1.1"], None)
    assert world.read(spaces=("research", "third")) == (["1.3", "1.2"], None)


ARRIVED = st.dictionaries(
    st.tuples(st.sampled_from(SPACES), st.integers(1, 9).map(lambda number: f"1.2.{number}")),
    st.integers(0, 4),  # many of one moment
    max_size=20,
)


@given(ARRIVED, st.integers(1, 7))
def test_pages_of_any_size_show_every_study_once_in_one_order(arrived, limit):
    world = World([study(uid, seconds, space) for (space, uid), seconds in arrived.items()])
    seen, after = [], None
    while True:
        page = world.page(limit=limit, after=after)
        seen += [each.study.key for each in page.arrived]
        after = page.next
        if after is None:
            break
        assert len(page.arrived) == limit
        assert not page.is_cut_short
    order = sorted(world.rows.values(), key=lambda row: (row.opened_at, row.key.study_instance_uid, row.key.space))
    assert seen == [row.key for row in reversed(order)]


@given(ARRIVED.filter(bool), st.integers(1, 3), st.data())
def test_a_study_that_moves_to_the_top_between_two_pages_takes_none_with_it(arrived, limit, data):
    world = World([study(uid, seconds, space) for (space, uid), seconds in arrived.items()])
    seen, moved, after = set(), set(), None
    while True:
        page = world.page(limit=limit, after=after)
        seen |= {each.study.key for each in page.arrived}
        after = page.next
        if after is None:
            break
        moved.add(data.draw(st.sampled_from(sorted(world.rows))))
        for key in moved:
            world.reopen(key)
    assert seen | moved == set(world.rows)
    assert {each.study.key for each in world.page(limit=max(1, len(moved))).arrived} >= moved


def test_deleted_studies_and_those_whose_row_is_gone_are_left_out():
    world = World([study("1.1", 1), study("1.2", 2, instances=0), study("1.3", 3)])
    del world.rows[StudyKey("main", "1.3")]
    assert world.read(limit=1) == (["1.1"], None)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("mueller",), []),
        (("muller",), ["1.1"]),
        (("MÜLLER", "anna"), ["1.1"]),
        (("anna", "mul"), ["1.1"]),
        (("山田",), ["1.2"]),
        (("p-77",), ["1.3"]),
        (("acc/5",), ["1.3"]),
        (("knee", "left"), ["1.3"]),
        (("knee", "anna"), []),
        (("1.3",), ["1.3"]),
        ((), ["1.3", "1.2", "1.1"]),
    ],
)
def test_every_word_stands_somewhere(words, found):
    other = {
        "00100020": {"vr": "LO", "Value": ["P-77"]},
        "00080050": {"vr": "SH", "Value": ["ACC/5"]},
        "00081030": {"vr": "LO", "Value": ["Left Knee"]},
    }
    world = World(
        [named("1.1", "Müller^Anna"), named("1.2", "山田^太郎", "Ideographic"), study("1.3", attributes=other)]
    )
    assert world.read(words=words)[0] == found


def test_a_modality_and_days_narrow():
    days = [study(f"1.{day}", 86_400 * day, modalities=("CT", "SR") if day % 2 else ("MR",)) for day in range(5)]
    world = World(days)
    assert world.read(modality="SR")[0] == ["1.3", "1.1"]
    assert world.read(modality="S")[0] == []
    assert world.read(first=date(2026, 11, 22), last=date(2026, 11, 23))[0] == ["1.2", "1.1"]
    assert world.read(last=date.min)[0] == []
    assert world.read(last=date.max)[0] == ["1.4", "1.3", "1.2", "1.1", "1.0"]
    world.rows[days[1].key] = replace(days[1], opened_at=days[4].opened_at)  # the index lags behind
    assert world.read(first=date(2026, 11, 22), last=date(2026, 11, 23))[0] == ["1.2"]


def test_a_filter_that_matches_little_reads_so_many_rows_and_says_where_to_go_on():
    rare = study("1.1", -1, modalities=("US",))
    world = World([rare, *(study(f"1.2.{number}", number) for number in range(2 * MAX_ROWS_READ))])
    first = world.page(modality="US")
    assert (first.arrived, first.is_cut_short) == ((), True)
    assert world.rows_read == MAX_ROWS_READ
    second = world.page(modality="US", after=first.next)
    assert second.is_cut_short
    last = world.page(modality="US", after=second.next)
    assert [each.study for each in last.arrived] == [rare]
    assert (last.next, last.is_cut_short) == (None, False)


def test_only_what_arrives_is_due_when_it_has_been_quiet():
    world = World([study("1.1", 1, state=StudyState.OPEN), study("1.2", 2, state=StudyState.FINALIZING), study("1.3")])
    due = {each.study.key.study_instance_uid: each.due_at for each in world.page().arrived}
    assert due == {"1.1": START + timedelta(seconds=1) + QUIET, "1.2": None, "1.3": None}


def entry(kind: ErrorKind, revision: int) -> FhirError:
    return FhirError(STUDY, revision, kind, "PatientID is missing; add it.", 1, START)


@pytest.mark.parametrize(
    ("revision", "published", "kinds", "is_asked_for", "state"),
    [
        (0, 0, {}, False, PublicationState.WAITING),  # there is no revision yet
        (1, 0, {}, True, PublicationState.WAITING),
        (1, 0, {}, False, PublicationState.NONE),  # from before there was a FHIR server
        (1, 1, {}, False, PublicationState.PUBLISHED),
        (1, 2, {}, False, PublicationState.PUBLISHED),  # the row was read before
        (2, 1, {}, True, PublicationState.WAITING),
        (1, 1, {ErrorKind.INVALID_TAG: 1}, False, PublicationState.PUBLISHED),
        (1, 1, {ErrorKind.NOT_PUBLISHED: 1}, False, PublicationState.PUBLISHED),  # a report of it
        (1, 0, {ErrorKind.NOT_PUBLISHED: 1}, False, PublicationState.REFUSED),
        (1, 0, {ErrorKind.FHIR_REFUSED: 1}, False, PublicationState.REFUSED),
        (1, 0, {ErrorKind.RETRIES_EXHAUSTED: 1}, True, PublicationState.REFUSED),
        (1, 0, {ErrorKind.RETRYING: 1}, True, PublicationState.WAITING),
        (1, 0, {ErrorKind.RETRYING: 1}, False, PublicationState.WAITING),  # asked for by hand
        (2, 0, {ErrorKind.NOT_PUBLISHED: 1}, True, PublicationState.WAITING),  # a later one may
    ],
)
def test_whether_the_latest_revision_is_in_fhir(revision, published, kinds, is_asked_for, state):
    entries = tuple(entry(kind, of) for kind, of in kinds.items())
    assert PublicationStanding(Publication(STUDY, published), entries, is_asked_for).state(revision) is state
