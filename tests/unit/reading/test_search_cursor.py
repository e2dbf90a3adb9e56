"""A walk by cursor: whatever arrives meanwhile, nothing comes twice and nothing is left out."""

import base64
import json
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import study_names, study_row_key
from imaging.dicomweb.query import parse_query
from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import StudyKey
from imaging.reading.query import MAX_OFFSET, Query
from imaging.reading.query_keys import Level
from imaging.reading.search_catalogue import Match, Page, SearchCatalogue
from imaging.reading.search_cursor import Position, cursor_of, position_of
from tests.archive import Archive
from tests.manifest_table import create_manifest_table

QUERIES = (
    {},
    {"PatientID": "PID-1"},
    {"StudyDate": "20260101-20260103"},
    {"PatientName": "te*"},
    {"ModalitiesInStudy": "CT,MR"},
    {"StudyInstanceUID": "1.1,1.2,1.3,1.4"},
    {"StudyDescription": "*"},
    {"PatientAge": "040Y"},
)
OTHERS = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


def query(space: str, level: Level, asked: dict[str, str], *, limit: int, offset: int = 0, after: str = "") -> Query:
    criteria = parse_query(list(asked.items()), level, max_results=limit).criteria
    return Query(space, level, criteria, limit, offset, after=after)


def search(archive: Archive, asked: Query, rows: int = 10_000) -> Page:
    return SearchCatalogue(archive.catalogue, archive.catalogue, max_rows_read=rows)(asked)


def names_of(match: Match) -> tuple[str, str, str]:
    return (
        match.study.key.study_instance_uid,
        match.series.series_instance_uid if match.series else "",
        match.instance.key.sop_instance_uid if match.instance else "",
    )


def store(archive: Archive, study: int, series: int, instance: int) -> None:
    archive.store(
        f"1.{study}",
        f"1.{study}.{series}",
        f"1.{study}.{series}.{instance}",
        Modality=("CT", "MR", "US")[series % 3],
        StudyDate=f"2026010{study % 4 + 1}",
        PatientName="Test=Tester",
        StudyDescription="d",
        PatientAge="040Y",
    )


arrival = st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 3))


@OTHERS
@given(
    before=st.lists(arrival, min_size=1, max_size=8),
    meanwhile=st.lists(st.lists(arrival, max_size=2), max_size=6),
    level=st.sampled_from(Level),
    asked=st.sampled_from(QUERIES),
    limit=st.integers(1, 3),
    rows=st.sampled_from([1, 5, 10_000]),
)
def test_a_walk_has_all_that_was_there_in_order_and_nothing_twice(table, before, meanwhile, level, asked, limit, rows):
    archive = Archive(table)
    for each in before:
        store(archive, *each)
    there = set(map(names_of, search(archive, query(archive.space, level, asked, limit=1_000)).matches))
    arriving, walked, after = iter(meanwhile), [], ""
    for _ in range(300):
        page = search(archive, query(archive.space, level, asked, limit=limit, after=after), rows)
        walked += map(names_of, page.matches)
        assert bool(page.next) == (page.has_more or page.is_cut_short)
        after = page.next
        if not after:
            break
        for each in next(arriving, ()):
            store(archive, *each)
    assert not after, "the walk comes to no end"
    assert len(set(walked)) == len(walked)
    assert there <= set(walked)
    now = [names_of(match) for match in search(archive, query(archive.space, level, asked, limit=1_000)).matches]
    assert set(walked) <= set(now)
    places = [now.index(each) for each in walked]
    assert all(one < other for one, other in pairwise(places))


def test_an_offset_names_the_same_match_while_instances_arrive_in_what_is_listed(table):
    archive = Archive(table)
    for study in range(1, 9):
        store(archive, study, 1, 1)
    pages = []
    for offset in (0, 3, 6):
        page = search(archive, query(archive.space, Level.STUDY, {}, limit=3, offset=offset))
        pages += [match.study.key.study_instance_uid for match in page.matches]
        for study in range(1, 9):
            store(archive, study, 1, offset + 2)
    assert pages == ["1.7", "1.3", "1.6", "1.2", "1.5", "1.1", "1.8", "1.4"]


def test_an_offset_that_was_cut_short_is_gone_on_with(table):
    archive = Archive(table)
    for study in range(1, 9):
        store(archive, study, 1, 1)
    found, after, offset = [], "", 5
    for _ in range(20):
        asked = query(archive.space, Level.STUDY, {"StudyDescription": "d*"}, limit=9, offset=offset, after=after)
        page = search(archive, asked, rows=2)
        found += [match.study.key.study_instance_uid for match in page.matches]
        after, offset = page.next, 0
        if not after:
            break
    assert found == ["1.1", "1.8", "1.4"]


def test_an_offset_is_skipped_once_though_many_pages_are_cut_short(table):
    archive = Archive(table)
    for study in range(1, 7):
        store(archive, study, 1, 1)
    row = table.get(study_row_key(StudyKey(archive.space, "1.1")))
    invisible = [StudyKey(archive.space, f"2.{number}") for number in range(30)]
    emptied = {**row, "instances": 0, "listed_date": "20270101"}
    table.put_many({**emptied, **study_row_key(key), **study_names(key)} for key in invisible)
    found, after, offset = [], "", 5
    for _ in range(20):
        page = search(archive, query(archive.space, Level.STUDY, {}, limit=9, offset=offset, after=after), rows=10)
        found += [match.study.key.study_instance_uid for match in page.matches]
        after, offset = page.next, 0
        if not after:
            break
    assert found == ["1.3", "1.6", "1.2", "1.5", "1.1", "1.4"]


BY_NAME = {"PatientName": "te*"}


def assert_refused(asked: Query, archive: Archive) -> None:
    with pytest.raises(Rejected) as refused:
        search(archive, asked)
    assert refused.value.reason is RejectReason.MALFORMED_REQUEST


@pytest.mark.parametrize("other", [{}, {"PatientID": "P2"}, {"PatientName": "te*", "PatientID": "P1"}])
def test_a_cursor_of_another_query_is_refused(table, other):
    archive = Archive(table)
    cursor = cursor_of(query(archive.space, Level.STUDY, {"PatientID": "P1"}, limit=3), Position(("20260101", "1.2")))
    assert_refused(query(archive.space, Level.STUDY, other, limit=3, after=cursor), archive)
    assert_refused(query(archive.space, Level.SERIES, {"PatientID": "P1"}, limit=3, after=cursor), archive)
    assert not search(archive, query(archive.space, Level.STUDY, {"PatientID": "P1"}, limit=9, after=cursor)).matches


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"StudyDate": "20260101-20260201"}, ("20270101", "1.2")),
        ({"StudyDate": "20260101"}, ("0", "1.2")),
        ({"StudyDate": "-20260101"}, ("0", "1.2")),
        ({"StudyDate": "20260101-"}, ("~", "1.2")),
        ({"PatientID": "P1", "StudyDate": "-20260101"}, ("0", "1.2")),
        ({"PatientName": "test", "StudyDate": "-20260101"}, ("test", "99999999", "1.2")),
        ({"PatientName": "test", "StudyDate": "20260101-"}, ("test", "99999999", "1.2")),
        ({"PatientID": "P1"}, ("test", "12345678", "1.2")),
        (BY_NAME, ("20260101", "1.2")),
        (BY_NAME, ("other", "12345678", "1.2")),
        (BY_NAME, ("test", "-", "1.2")),
        ({}, ("20260101", "no uid")),
        ({}, ("2" * 1_025, "1.2")),
        ({}, ("\ud800", "1.2")),
        ({}, ("", "1.2")),
    ],
)
def test_a_place_that_the_query_cannot_have_reached_is_refused(table, asked, place):
    archive = Archive(table)
    wanted = query(archive.space, Level.STUDY, asked, limit=3)
    digest = json.loads(base64.urlsafe_b64decode(cursor_of(wanted, Position(("1", "1"))) + "=="))[1]
    text = json.dumps([1, digest, place, "", "", 0]).encode()
    cursor = base64.urlsafe_b64encode(text).decode().rstrip("=")
    assert_refused(query(archive.space, Level.STUDY, asked, limit=3, after=cursor), archive)


FOUR_STUDIES = [(study, series, 1) for study in range(1, 5) for series in (1, 2)]
FORGED = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 10**12),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(["0", "~", "1.2", "00000000", "99999999", "20260102", "te", "test", "2" * 1_000]),
    st.lists(st.sampled_from(["0", "1.2", "1.4", "99999999", "20260102", "test", ""]), max_size=4),
    st.dictionaries(st.sampled_from(["0", "-1"]), st.just("1.2"), min_size=2),
)
OPEN_RANGES = (
    {"StudyDate": "-20260103"},
    {"StudyDate": "20260102-"},
    {"PatientName": "test", "StudyDate": "-20260103"},
)


@pytest.fixture(scope="module")
def four_studies(table: ManifestTable) -> Archive:
    archive = Archive(table)
    for each in FOUR_STUDIES:
        store(archive, *each)
    return archive


def refusal(archive: Archive, asked: Query) -> RejectReason | None:
    try:
        search(archive, asked, rows=10)
    except Rejected as refused:
        return refused.reason
    return None


@settings(OTHERS, max_examples=100)
@given(
    level=st.sampled_from(Level),
    asked=st.sampled_from([*QUERIES, *OPEN_RANGES]),
    forged=st.dictionaries(st.integers(2, 5), FORGED, min_size=1, max_size=2),
    in_place=st.dictionaries(st.integers(0, 2), FORGED, max_size=2),
    offset=st.sampled_from([0, 1, MAX_OFFSET]),
)
def test_a_cursor_that_was_tampered_with_is_refused_or_gives_a_page(
    four_studies, level, asked, forged, in_place, offset
):
    space = four_studies.space
    cursor = search(four_studies, query(space, level, asked, limit=1)).next
    if not cursor:
        return
    parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    parts[2] = [in_place.get(number, key) for number, key in enumerate(parts[2])]
    if not in_place:
        parts = [forged.get(number, part) for number, part in enumerate(parts)]
    after = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    tampered = query(space, level, asked, limit=1, offset=offset, after=after)
    assert refusal(four_studies, tampered) in (None, RejectReason.MALFORMED_REQUEST)


@pytest.mark.parametrize("to_skip", [MAX_OFFSET + 1, 10**18, -1, True, 1.0, "1", None])
def test_a_cursor_skips_no_more_than_an_offset_may(to_skip):
    asked = query("main", Level.STUDY, {}, limit=3)
    cursor = cursor_of(asked, Position(("20260101", "1.2"), to_skip=to_skip))
    with pytest.raises(Rejected):
        position_of(asked, cursor)


def test_a_cursor_and_an_offset_skip_together_no_more_than_an_offset_may():
    cursor = cursor_of(query("main", Level.STUDY, {}, limit=3), Position(("20260101", "1.2"), to_skip=1))
    assert position_of(query("main", Level.STUDY, {}, limit=3, offset=MAX_OFFSET - 1), cursor).to_skip == 1
    with pytest.raises(Rejected):
        position_of(query("main", Level.STUDY, {}, limit=3, offset=MAX_OFFSET), cursor)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(min_size=1), st.binary(min_size=1).map(lambda some: base64.b64encode(some).decode())))
def test_any_other_text_is_refused_and_nothing_worse(text):
    with pytest.raises(Rejected) as refused:
        position_of(query("main", Level.STUDY, {}, limit=3), text)
    assert refused.value.reason is RejectReason.MALFORMED_REQUEST


@given(
    place=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), min_size=1, max_size=2),
    uids=st.lists(st.sampled_from(["", "1.2.3"]), min_size=2, max_size=2),
    to_skip=st.integers(0, MAX_OFFSET),
)
def test_a_cursor_is_read_as_it_was_written(place, uids, to_skip):
    asked = query("main", Level.INSTANCE, {"Modality": "CT,MR,US"}, limit=3)
    position = Position((*place, "1.2.3.4"), *uids, to_skip)
    cursor = cursor_of(asked, position)
    assert cursor.isascii()
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert position_of(asked, cursor) == position
