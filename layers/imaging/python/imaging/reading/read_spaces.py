"""The manifest over all spaces: what each holds, and what is still coming in."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from imaging.model.feed import SpaceTotals
from imaging.ports.feed import FeedSource
from imaging.ports.manifest import PendingWork

_WHENEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class SpaceSummary:
    """One space.

    Attributes
    ----------
    open_studies
        Those without a revision of their latest change.
    """

    space: str
    totals: SpaceTotals
    open_studies: int


class ReadSpaces:
    """Reads a row for each space; its cost does not grow with what they hold."""

    def __init__(self, spaces: Iterable[str], source: FeedSource, pending: PendingWork) -> None:
        self._spaces = tuple(spaces)
        self._source = source
        self._pending = pending

    def __call__(self) -> list[SpaceSummary]:
        """All spaces, in the order of the configuration."""
        opened = Counter(study.space for study in self._pending.open_studies(_WHENEVER))
        return [SpaceSummary(space, self._totals(space), opened[space]) for space in self._spaces]

    def _totals(self, space: str) -> SpaceTotals:
        head = self._source.head(space)
        return head.totals if head else SpaceTotals()
