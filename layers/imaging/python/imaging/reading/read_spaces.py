"""The manifest over all spaces: what each holds, and what is still coming in."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from imaging.model.feed import SpaceTotals
from imaging.ports.feed import FeedSource
from imaging.ports.manifest import PendingWork

_MOST_OPEN = 1_000  # of all spaces


@dataclass(frozen=True)
class SpaceSummary:
    """One space.

    Attributes
    ----------
    open_studies
        Those without a revision of their latest change.
    is_exact
        Whether that is all of them; there are more in some space if not.
    """

    space: str
    totals: SpaceTotals
    open_studies: int
    is_exact: bool


class ReadSpaces:
    """Reads a row for each space, and the marks of open studies up to a bound; the cost does not grow with the rest."""

    def __init__(self, spaces: Iterable[str], source: FeedSource, pending: PendingWork) -> None:
        self._spaces = tuple(spaces)
        self._source = source
        self._pending = pending

    def __call__(self) -> list[SpaceSummary]:
        """All spaces, in the order of the configuration."""
        found = self._pending.spaces_of_open_studies(_MOST_OPEN + 1)
        opened, is_exact = Counter(found[:_MOST_OPEN]), len(found) <= _MOST_OPEN
        return [SpaceSummary(space, self._totals(space), opened[space], is_exact) for space in self._spaces]

    def _totals(self, space: str) -> SpaceTotals:
        head = self._source.head(space)
        return head.totals if head else SpaceTotals()
