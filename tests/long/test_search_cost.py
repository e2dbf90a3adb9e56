"""What a page costs among 100,000 studies is what it costs among 500; takes minutes to fill the manifest."""

from uuid import uuid4

import pytest

from imaging.aws.dynamodb_table import ManifestTable
from tests.listed_studies import ListedStudies, fill
from tests.manifest_table import create_manifest_table
from tests.unit.reading.test_search_cost import INDEXED, MOST_ITEMS, PAGE, pages

SIZES = (10_000, 100_000)


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture(scope="module", params=SIZES)
def studies(table: ManifestTable, request: pytest.FixtureRequest) -> ListedStudies:
    return fill(table, f"space-{request.param}", request.param)


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("asked", INDEXED.values(), ids=INDEXED)
def test_a_page_reads_no_more_than_among_500_studies(
    table: ManifestTable, studies: ListedStudies, asked: dict[str, str]
) -> None:
    walked = list(pages(table, studies.space, asked, most=20))
    assert all(items <= MOST_ITEMS for _, items in walked)
    full = {items for page, items in walked if len(page.matches) == PAGE and page.next}
    if "," not in asked.get("ModalitiesInStudy", ""):  # how two lists interleave is chance
        assert full <= {2 * (PAGE + 1)}, "not what it is among 500 studies"
