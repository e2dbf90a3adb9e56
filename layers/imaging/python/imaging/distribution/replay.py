"""Let a binding deliver again: messages of the shape that the bus sends, put into the binding's queue."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol

from imaging.distribution.binding_filter import facts_of, fits, fits_space
from imaging.distribution.hint import message_of
from imaging.errors import Rejected, RejectReason
from imaging.model.binding import Binding, Occasion
from imaging.model.events import instance_changed, study_revised
from imaging.model.feed import FeedChange
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action
from imaging.model.links import Links
from imaging.ports.catalogue import StudyHistory
from imaging.ports.feed import FeedSource
from imaging.ports.manifest import StudyFence
from imaging.ports.objects import ObjectListing

_CHANGES_AT_A_TIME = 500

Message = dict[str, Any]


class MessageQueue(Protocol):
    """The binding's queue."""

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Put all of them in; raises `imaging.errors.Unavailable` if one was not taken."""


@dataclass(frozen=True)
class Replayed:
    """How far a replay has come.

    Attributes
    ----------
    cursor
        What another replay of the same goes on behind: of all studies of a
        space the last study, of a time range the last number of the feed.
    """

    studies: int = 0
    messages: int = 0
    cursor: str = ""


Progress = Callable[[Replayed], None]


@dataclass(frozen=True)
class Manifest:
    """What a replay reads."""

    fence: StudyFence
    history: StudyHistory
    feed: FeedSource
    listing: ObjectListing


class Replay:
    """Puts messages into the queue of one binding; what the ledger has as delivered is skipped when they are handled.

    Parameters
    ----------
    again_since
        The moment before which no delivery counts: everything goes again. None:
        what was delivered is left alone.
    """

    def __init__(
        self,
        binding: Binding,
        manifest: Manifest,
        queue: MessageQueue,
        links: Links,
        *,
        again_since: datetime | None = None,
    ) -> None:
        self._binding = binding
        self._manifest = manifest
        self._queue = queue
        self._links = links
        self._again_since = again_since

    def study(self, study: StudyKey) -> Replayed:
        """One study: its instances, or all its revisions.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if nothing of it was ever indexed;
            `NO_SUCH_SPACE` if the binding is not about its space.
        """
        self._check_space(study.space)
        if self._manifest.history.read_study(study) is None:
            raise Rejected(RejectReason.NO_SUCH_RESOURCE, "There is no such study in this storage space.")
        messages = list(self._of_study(study))
        self._queue.send(messages)
        return Replayed(1, len(messages), study.study_instance_uid)

    def everything(self, space: str, *, after: str = "", progress: Progress = lambda _: None) -> Replayed:
        """All studies that the space holds now.

        Parameters
        ----------
        after
            The cursor of a replay that was interrupted.
        """
        self._check_space(space)
        done = Replayed(cursor=after)
        for study_instance_uid in self._manifest.listing.studies(space, after):
            messages = list(self._of_study(StudyKey(space, study_instance_uid)))
            self._queue.send(messages)
            done = Replayed(done.studies + 1, done.messages + len(messages), study_instance_uid)
            progress(done)
        return done

    def time_range(
        self, space: str, since: datetime, until: datetime, *, after: str = "", progress: Progress = lambda _: None
    ) -> Replayed:
        """What the change feed told from `since` on and before `until`, deletions included.

        A binding on studies gets the studies that changed in that time, told
        from their first revision after `since`.
        """
        self._check_space(space)
        feed = self._manifest.feed
        head = feed.head(space)
        done = Replayed(cursor=after)
        if head is None:
            return done
        first = max(feed.last_before(space, since.astimezone(UTC), head), int(after or 0))
        changes = feed.changes(space, first, feed.last_before(space, until.astimezone(UTC), head))
        studies: set[StudyKey] = set()
        while part := list(islice(changes, _CHANGES_AT_A_TIME)):
            new = {change.key.study for change in part} - studies
            studies |= new
            messages = list(self._of_changes(part, new, since))
            self._queue.send(messages)
            done = Replayed(len(studies), done.messages + len(messages), str(part[-1].sequence))
            progress(done)
        return done

    def _check_space(self, space: str) -> None:
        if not fits_space(self._binding.filter, space):
            raise Rejected(
                RejectReason.NO_SUCH_SPACE, f"The binding is not about the space {space}; its filter names another."
            )

    def _of_study(self, study: StudyKey) -> Iterator[Message]:
        if self._binding.on is Occasion.STUDY:
            yield from self._of_revisions(study, first=1)
            return
        for row in sorted(self._manifest.fence.read_instances(study), key=lambda row: row.key):
            if fits(self._binding.filter, facts_of(row)):
                yield from self._of_instance(row.key, row.action, row.change_number)

    def _of_changes(self, changes: Iterable[FeedChange], studies: set[StudyKey], since: datetime) -> Iterator[Message]:
        if self._binding.on is Occasion.STUDY:
            for study in sorted(studies):
                revisions = self._manifest.history.read_revisions(study)
                first = next((one.number for one in revisions if one.created_at >= since), 0)
                if first:
                    yield from self._of_revisions(study, first)
            return
        for change in {change.key: change for change in changes}.values():
            yield from self._of_instance(change.key, change.action, change.change_number)

    def _of_instance(self, key: InstanceKey, action: Action, number: int) -> Iterator[Message]:
        """Images of a deleted instance cannot be sent; who is told of it hears that it is gone."""
        if action is Action.DELETE and self._binding.kind.takes_images:
            return
        yield message_of(
            instance_changed(key, action, number, self._links.instance(key)), again_since=self._again_since
        )

    def _of_revisions(self, study: StudyKey, first: int) -> Iterator[Message]:
        row = self._manifest.history.read_study(study)
        last = self._manifest.history.read_revision(study, row.revision) if row and row.revision else None
        if last is None:
            return
        href = self._links.revision(study, last.number)
        event = study_revised(study, last.number, last.counts, last.reason, href)
        yield message_of(event, again_since=self._again_since, first=first)
