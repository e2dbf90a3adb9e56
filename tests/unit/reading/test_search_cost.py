"""Items read per page, counted on the real DynamoDB calls: they follow the page and not the number of studies."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.query import parse_query
from imaging.reading.query import Query
from imaging.reading.query_keys import Level
from imaging.reading.search_catalogue import MAX_ROWS_READ, Page, SearchCatalogue
from tests.listed_studies import ListedStudies, fill
from tests.manifest_table import counted_rows, create_manifest_table

PAGE = 50
MOST_ITEMS = 4 * PAGE
SIZES = (500, 1_000)
INDEXED = {
    "by patient": {"PatientID": "P3"},
    "by patients": {"PatientID": "P3", "StudyDate": "20160101-20201231"},
    "by accession": {"AccessionNumber": "A417"},
    "by date range": {"StudyDate": "20180101-20241231"},
    "by name prefix": {"PatientName": "dav*"},
    "by whole name": {"PatientName": "DAVIS^GIVEN3"},
    "by modality with date": {"ModalitiesInStudy": "MR", "StudyDate": "20170101-20251231"},
    "by two modalities": {"ModalitiesInStudy": "MR,CT"},
    "by nothing": {},
}


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture(scope="module", params=SIZES)
def studies(table: ManifestTable, request: pytest.FixtureRequest) -> ListedStudies:
    return fill(table, f"space-{request.param}", request.param)


def pages(
    table: ManifestTable, space: str, asked: dict[str, str], *, most: int, rows: int = MAX_ROWS_READ
) -> Iterator[tuple[Page, int]]:
    """Pages one after the other by their cursor, each with the items it read."""
    criteria = parse_query(list(asked.items()), Level.STUDY, max_results=PAGE).criteria
    catalogue, after = DynamoDbCatalogue(table), ""
    for _ in range(most):
        with counted_rows() as counted:
            page = SearchCatalogue(catalogue, catalogue, max_rows_read=rows)(
                Query(space, Level.STUDY, criteria, limit=PAGE, after=after)
            )
        yield page, sum(counted)
        after = page.next
        if not after:
            return


@pytest.mark.parametrize("asked", INDEXED.values(), ids=INDEXED)
def test_a_page_reads_at_most_four_times_what_it_shows_the_first_as_the_twentieth(
    table: ManifestTable, studies: ListedStudies, asked: dict[str, str]
) -> None:
    walked = list(pages(table, studies.space, asked, most=20))
    assert all(items <= MOST_ITEMS for _, items in walked)
    assert not any(page.is_unindexed for page, _ in walked)
    found = [match.study.key for page, _ in walked for match in page.matches]
    assert found
    assert len(set(found)) == len(found)
    full = {items for page, items in walked if len(page.matches) == PAGE and page.next}
    if "," not in asked.get("ModalitiesInStudy", ""):  # how two lists interleave is chance
        assert full <= {2 * (PAGE + 1)}, "not the same at every size"


def test_a_query_that_no_index_serves_says_so_and_comes_to_its_end(table: ManifestTable) -> None:
    studies = fill(table, "space-without-index", 700)
    walked = list(pages(table, studies.space, {"StudyDescription": "nothing"}, most=99, rows=300))
    assert [page.is_cut_short for page, _ in walked] == [True, True, False]
    assert all(page.is_unindexed and not page.matches for page, _ in walked)
    assert all(items <= 300 + 700 for _, items in walked)  # rows, and their keys


def test_what_an_index_leaves_open_is_matched_on_the_rows_it_lists(
    table: ManifestTable, studies: ListedStudies
) -> None:
    asked = {"PatientID": "P3", "StudyDescription": "odd"}
    [(page, items)] = pages(table, studies.space, asked, most=2)
    assert len(page.matches) == 30
    assert items <= MOST_ITEMS
