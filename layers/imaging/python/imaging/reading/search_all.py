"""All that a query finds, page after page: for who sends matches on as they come, and may stop between two pages."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from imaging.errors import Rejected, RejectReason
from imaging.reading.matching import OneOf
from imaging.reading.query import Query
from imaging.reading.query_keys import SERIES_INSTANCE_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID
from imaging.reading.search_catalogue import Page, SearchCatalogue

MAX_FRUITLESS_ROWS = 100_000  # some 20 seconds, in which whoever asked hears next to nothing

_MOST_UIDS = 50  # each is looked up for every page


class SearchAll:
    """Answers queries to their end, in the memory of two pages.

    Parameters
    ----------
    search
        What it reads for one page bounds how long nobody can stop it.
    max_fruitless_rows
        How many rows it reads that do not match, before it gives up.
    """

    def __init__(self, search: SearchCatalogue, *, max_fruitless_rows: int = MAX_FRUITLESS_ROWS) -> None:
        self._search = search
        self._max_fruitless_rows = max_fruitless_rows

    def __call__(self, query: Query) -> Iterator[Page]:
        """Pages of `query.limit` matches or fewer, also without any.

        They are in the order of `SearchCatalogue`; where a long list of UIDs
        is asked for, for some of the UIDs after the other. The page behind the
        one that is out is read ahead.

        Raises
        ------
        Rejected
            With a page: `TOO_LARGE` when too many rows were read in vain.
        """
        fruitless_rows = 0
        for part in _in_parts(query):
            for page in self._pages(part):
                yield page
                if page.is_cut_short:
                    fruitless_rows += self._search.max_rows_read - len(page.matches)
                if fruitless_rows > self._max_fruitless_rows:
                    raise Rejected(
                        RejectReason.TOO_LARGE, "Too much to search; add PatientID, StudyDate or AccessionNumber."
                    )

    def _pages(self, query: Query) -> Iterator[Page]:
        page = self._search(query)
        if not page.next:
            yield page
            return
        ahead = ThreadPoolExecutor(1, "search-ahead")
        try:
            while page.next:
                coming = ahead.submit(self._search, replace(query, offset=0, after=page.next))
                yield page
                page = coming.result()
            yield page
        finally:
            ahead.shutdown(wait=False, cancel_futures=True)


def _in_parts(query: Query) -> Iterator[Query]:
    """Queries that find, each something else, all that this one finds, and name few UIDs each."""
    for key in (STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID):
        uids = sorted(query.values(key.tag))
        if len(uids) > _MOST_UIDS:
            for first in range(0, len(uids), _MOST_UIDS):
                some = OneOf(frozenset(uids[first : first + _MOST_UIDS]))
                yield from _in_parts(replace(query, criteria={**query.criteria, key.tag: some}))
            return
    yield query
