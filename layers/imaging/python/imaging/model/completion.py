"""When a study is taken to be complete: an opinion, which each space has of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from imaging.model.instance import Instance
from imaging.model.study import Study
from imaging.settings import Space

SETTLE = timedelta(seconds=2)
"""What a released association stored needs to be indexed; the next one that a sender opens comes sooner."""


class CompletionReason(StrEnum):
    """Why a revision was made when it was; the surer one first."""

    EXPECTED_INSTANCES = "expected-instances"
    """As many instances are there as the sender said."""
    ASSOCIATION_RELEASED = "association-released"
    """The association that stored the latest of them was released."""
    QUIET = "quiet"
    """Nothing changed for the quiet period."""
    LONGEST_WAIT = "longest-wait"
    """It has been open for as long as the space allows."""


@dataclass(frozen=True)
class Due:
    """When to look at a study.

    Attributes
    ----------
    at
        Now, or when it has been quiet, if nothing changes until then.
    at_the_latest
        When to look whether it is quiet or not; None where only quiet counts.
    """

    at: datetime
    at_the_latest: datetime | None


@dataclass(frozen=True)
class Completion:
    """The opinion of one space.

    Attributes
    ----------
    longest_wait
        Since the study opened; None: for ever.
    """

    quiet: timedelta
    longest_wait: timedelta | None = None
    on_release: bool = False
    on_expected: bool = False

    def due(self, study: Study) -> Due:
        """When an open study is to be looked at."""
        moments = dict(self._moments(study))
        quiet_at = moments.pop(CompletionReason.QUIET)
        at_the_latest = min(moments.values(), default=None)
        return Due(min(quiet_at, at_the_latest or quiet_at), at_the_latest)

    def reason(self, study: Study, now: datetime) -> CompletionReason | None:
        """Why to make a revision of it now; None if it is too early."""
        reached = {reason for reason, moment in self._moments(study) if moment <= now}
        return next((reason for reason in CompletionReason if reason in reached), None)

    def has_waited_longest(self, study: Study, now: datetime) -> bool:
        """Whether it has been open for as long as the space allows, whatever else is a reason by now."""
        return self.longest_wait is not None and study.opened_at + self.longest_wait <= now

    def _moments(self, study: Study) -> Iterator[tuple[CompletionReason, datetime]]:
        yield CompletionReason.QUIET, study.last_change_at + self.quiet
        if self.longest_wait is not None:
            yield CompletionReason.LONGEST_WAIT, study.opened_at + self.longest_wait
        released_at, stored_at = study.released_at, study.last_stored_at
        if self.on_release and released_at and stored_at and stored_at <= released_at:
            yield CompletionReason.ASSOCIATION_RELEASED, released_at + SETTLE
        if self.on_expected and study.expected_instances and study.instances >= study.expected_instances:
            yield CompletionReason.EXPECTED_INSTANCES, study.last_change_at


def hint_holds(reason: CompletionReason, study: Study, rows: Sequence[Instance]) -> bool:
    """Whether a reason still is one, seeing all rows: the study's own may not tell the store that came last.

    Indexers that work side by side note on it what each has seen last.
    """
    present = [row for row in rows if not row.deleted]
    newest = max(present, key=lambda row: row.arrival.stored_at, default=None)
    if reason is CompletionReason.ASSOCIATION_RELEASED:
        return newest is None or (study.released_at is not None and newest.arrival.stored_at <= study.released_at)
    if reason is CompletionReason.EXPECTED_INSTANCES:
        expected = newest.arrival.expected_instances if newest else None
        return expected is not None and len(present) >= expected
    return True


@dataclass(frozen=True)
class Completions:
    """The opinions of all spaces.

    Parameters
    ----------
    quiet
        The quiet period of all of them.
    """

    quiet: timedelta
    spaces: Mapping[str, Space] = field(default_factory=dict)

    def of(self, space: str) -> Completion:
        """That of one space; of one that is not configured any more, the quiet period alone."""
        found = self.spaces.get(space)
        if found is None:
            return Completion(self.quiet)
        return Completion(
            self.quiet,
            found.longest_wait,
            on_release=found.finishes_on_release,
            on_expected=found.finishes_on_expected,
        )

    @property
    def shortest(self) -> timedelta:
        """After what time a study is due at the earliest of which no hint is known."""
        return min([self.quiet, *(space.longest_wait for space in self.spaces.values() if space.longest_wait)])

    def due(self, study: Study) -> Due:
        """When an open study is to be looked at."""
        return self.of(study.key.space).due(study)
