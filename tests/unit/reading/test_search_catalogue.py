"""What a search costs, counted in rows on the real DynamoDB calls; what it finds is in dicomweb/test_read_resources."""

from uuid import uuid4

import pytest

from imaging.aws.dynamodb_table import ManifestTable
from imaging.reading.matching import OneOf, matcher_of
from imaging.reading.query import Query
from imaging.reading.query_keys import MATCH_KEYS, Level
from imaging.reading.search_catalogue import Page, SearchCatalogue
from tests.archive import Archive
from tests.manifest_table import counted_rows, create_manifest_table

STUDIES = 30
INSTANCES_OF_THE_LARGE_SERIES = 60
KEYS = {key.keyword: key for key in MATCH_KEYS}


@pytest.fixture(scope="module")
def archive(embedded_aws: object) -> Archive:
    """30 studies of one instance, newest first 1.30 to 1.1, and an old one of 60 instances."""
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    archive = Archive(ManifestTable(name))
    for number in range(1, STUDIES + 1):
        archive.store(f"1.{number}", f"1.{number}.1", f"1.{number}.1.1", StudyDate=f"202601{number:02}")
    keys = [archive.key("9", "9.1", f"9.1.{number}") for number in range(INSTANCES_OF_THE_LARGE_SERIES)]
    archive.put_all(keys, StudyDate="20250101")
    return archive


def search(archive: Archive, level: Level, *, limit: int, offset: int = 0, rows: int = 10_000, **asked: str) -> Page:
    criteria = {KEYS[keyword].tag: matcher_of(KEYS[keyword], value) for keyword, value in asked.items()}
    catalogue = SearchCatalogue(archive.catalogue, archive.catalogue, max_rows_read=rows)
    return catalogue(Query(archive.space, level, criteria, limit, offset))


def test_a_page_of_studies_reads_one_more_than_it_shows(archive: Archive) -> None:
    with counted_rows() as rows:
        page = search(archive, Level.STUDY, limit=5)
    assert len(page.matches) == 5
    assert page.has_more
    assert rows == [6, 6]  # keys from the index, then their rows


def test_a_later_page_reads_keys_to_get_there_and_only_its_own_rows(archive: Archive) -> None:
    with counted_rows() as rows:
        page = search(archive, Level.STUDY, limit=5, offset=20)
    assert [match.study.key.study_instance_uid for match in page.matches] == ["1.10", "1.9", "1.8", "1.7", "1.6"]
    assert rows == [26, 6]


def test_one_named_study_is_one_row(archive: Archive) -> None:
    with counted_rows() as rows:
        page = search(archive, Level.STUDY, limit=100, StudyInstanceUID="1.7")
    assert len(page.matches) == 1
    assert rows == [1]


def test_a_page_of_a_large_series_does_not_read_the_series(archive: Archive) -> None:
    with counted_rows() as rows:
        page = search(archive, Level.INSTANCE, limit=8, StudyInstanceUID="9", SeriesInstanceUID="9.1")
    assert len(page.matches) == 8
    assert page.has_more
    assert sum(rows) < INSTANCES_OF_THE_LARGE_SERIES / 2


def test_one_named_instance_does_not_read_its_series(archive: Archive) -> None:
    with counted_rows() as rows:
        page = search(archive, Level.INSTANCE, limit=100, SOPInstanceUID="9.1.7")
    assert [match.instance.key.sop_instance_uid for match in page.matches if match.instance] == ["9.1.7"]
    assert sum(rows) <= 6  # its place, the study, the series, itself; and the study twice more, for its deletions


def test_what_no_index_answers_is_filtered_within_bounds(archive: Archive) -> None:
    assert search(archive, Level.STUDY, limit=5, rows=40, StudyDescription="none").matches == ()
    assert not search(archive, Level.STUDY, limit=5, rows=40, StudyDescription="none").is_cut_short
    page = search(archive, Level.STUDY, limit=5, rows=20, StudyDescription="none")
    assert (page.matches, page.has_more, page.is_cut_short, page.is_unindexed) == ((), False, True, True)
    assert page.next


def test_a_full_page_is_not_cut_short(archive: Archive) -> None:
    page = search(archive, Level.SERIES, limit=5, rows=20)
    assert (len(page.matches), page.has_more, page.is_cut_short) == (5, True, False)


def test_a_page_of_nothing_is_empty(archive: Archive) -> None:
    assert search(archive, Level.STUDY, limit=0).matches == ()
    assert search(archive, Level.STUDY, limit=5, offset=1000).matches == ()


def test_a_uid_list_is_answered_in_the_one_order(archive: Archive) -> None:
    criteria = {KEYS["StudyInstanceUID"].tag: OneOf(frozenset({"9", "1.2", "1.1"}))}
    page = SearchCatalogue(archive.catalogue, archive.catalogue)(Query(archive.space, Level.STUDY, criteria, 10))
    assert [match.study.key.study_instance_uid for match in page.matches] == ["1.2", "1.1", "9"]
