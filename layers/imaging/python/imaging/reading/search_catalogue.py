"""Search studies, series and instances; what it costs follows the page asked for.

One index lists the studies. What it cannot decide is matched on the rows
themselves, a few at a time, until the page is full or `MAX_ROWS_READ` is
reached; the answer then says so, and where to go on.
"""

from dataclasses import dataclass
from itertools import islice

from imaging.ports.catalogue import Catalogue, StudyContents
from imaging.reading.query import Query
from imaging.reading.search_cursor import Position, cursor_of, position_of
from imaging.reading.search_walk import Match, SearchWalk, TooManyRows

__all__ = ["MAX_ROWS_READ", "Match", "Page", "SearchCatalogue"]

MAX_ROWS_READ = 10_000  # about 1 KB each: some 10 MB and two seconds, well inside a request's time


@dataclass(frozen=True)
class Page:
    """One page of a search.

    Attributes
    ----------
    has_more
        Further matches follow.
    is_cut_short
        `MAX_ROWS_READ` was reached before the page was full; there may be further matches.
    is_unindexed
        No index serves the query: one row after the other is read and matched.
    next
        The cursor with which the same query goes on; "" at the end.
    """

    matches: tuple[Match, ...]
    has_more: bool
    is_cut_short: bool
    is_unindexed: bool = False
    next: str = ""


class SearchCatalogue:
    """Answers queries at all three levels.

    Attributes
    ----------
    max_rows_read
        For one page.
    """

    def __init__(self, catalogue: Catalogue, contents: StudyContents, *, max_rows_read: int = MAX_ROWS_READ) -> None:
        self._catalogue = catalogue
        self._contents = contents
        self.max_rows_read = max_rows_read

    def __call__(self, query: Query) -> Page:
        """Find the page, in the same order each time.

        By StudyDate from the newest, then by falling Study Instance UID; where
        the beginning of a name is looked for, by name first. Series and
        instances of a study by rising UID.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST` if the query's cursor is not one of its own.
        """
        begin = position_of(query, query.after) if query.after else None
        walk = SearchWalk(self._catalogue, self._contents, query, begin, self.max_rows_read)
        found: list[tuple[Match, Position]] = []
        is_cut_short = False
        try:
            for match in islice(walk.matches(), query.limit + 1):
                found.append(match)
        except TooManyRows:
            is_cut_short = True
        page = found[: query.limit]
        has_more = len(found) > query.limit
        end = (page[-1][1] if page else begin) if has_more else walk.reached if is_cut_short else None
        return Page(
            tuple(match for match, _ in page),
            has_more,
            is_cut_short,
            is_unindexed=not walk.is_indexed,
            next=cursor_of(query, end) if end else "",
        )
