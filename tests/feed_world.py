"""A space, its change feed, and the processes that write, tell and read it; the manifest is the real one."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any
from uuid import uuid4

from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_feed import DynamoDbChangeFeed
from imaging.aws.dynamodb_feed_source import DynamoDbFeedSource
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_pending import DynamoDbPendingWork
from imaging.aws.dynamodb_table import ManifestTable
from imaging.model.events import Event
from imaging.model.feed import FeedChange, SpaceTotals
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action, Instance
from imaging.model.links import Links
from imaging.pipeline.announce_change import AnnounceChange
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.sweep import Grace, Sweep
from imaging.reading.read_feed import ChangeState, FeedQuery, ReadFeed
from tests.fakes import InMemoryObjects
from tests.instances import part10_instance, stored_metadata
from tests.interleaving import Actor, Stepwise

STUDIES = 2
SERIES = 2
INSTANCES = 2
PLACES = STUDIES * SERIES * INSTANCES
START = datetime(2026, 1, 1, tzinfo=UTC)


class NoTimer:
    """Nobody finalizes a study here."""

    def arm(self, *_: object, **__: object) -> None:
        pass


class FeedWorld:
    """Places 0 to 7 are instances: two studies of two series of two."""

    def __init__(self, table: ManifestTable) -> None:
        self.table = table
        self.space = f"space-{uuid4().hex[:12]}"
        self.objects = InMemoryObjects([self.space])
        self.events: list[Event] = []
        self._ticks = count()
        self._root = f"1.2.{uuid4().int}"

    def clock(self, skew: timedelta = timedelta(0)) -> datetime:
        """The moment by a process's own clock; no two are the same."""
        return START + skew + timedelta(milliseconds=next(self._ticks))

    def key(self, place: int) -> InstanceKey:
        study, rest = divmod(place, SERIES * INSTANCES)
        series, instance = divmod(rest, INSTANCES)
        uid = f"{self._root}.{study + 1}"
        return InstanceKey(self.space, uid, f"{uid}.{series + 1}", f"{uid}.{series + 1}.{instance + 1}")

    @property
    def keys(self) -> list[InstanceKey]:
        return [self.key(place) for place in range(PLACES)]

    def put(self, place: int, content: int = 0) -> None:
        key = self.key(place)
        part10 = part10_instance(key, PatientComments="long " * content)
        self.objects.put(self.space, key.object_key, part10, stored_metadata(part10, self.clock()))

    def delete(self, place: int) -> None:
        self.objects.delete(self.space, self.key(place).object_key)

    def index(self, *places: int, actor: Actor | None = None) -> None:
        """Bring the rows of these to what S3 holds."""
        table = self._of(actor, self.table)
        index = IndexInstance(self.objects, DynamoDbInstanceIndex(table), self.clock, side_by_side=1)
        while index(map(self.key, places)):
            pass

    def do(self, *steps: tuple[str, int]) -> None:
        """Put or delete and index, one after the other."""
        for verb, place in steps:
            getattr(self, verb)(place)
            self.index(place)

    def feed(self, actor: Actor | None = None) -> DynamoDbChangeFeed:
        return DynamoDbChangeFeed(self._of(actor, self.table), self._of(actor, self.objects))

    def announce(self, actor: Actor | None = None, skew: timedelta = timedelta(0)) -> AnnounceChange:
        return AnnounceChange(
            self.feed(actor),
            self._of(actor, self),
            NoTimer(),
            self.pending(actor),
            RevisionArchive(self.objects),
            Links("https://imaging.example.org"),
            quiet=timedelta(0),
            clock=lambda: self.clock(skew),
        )

    def sweep(self, actor: Actor | None = None, skew: timedelta = timedelta(0)) -> Sweep:
        return Sweep(
            OfOneSpace(self.pending(actor), self.space),
            DynamoDbStudyFence(self._of(actor, self.table)),
            self.announce(actor, skew),
            quiet=timedelta(0),
            clock=lambda: self.clock(skew),
        )

    def settle(self) -> None:
        """What at-least-once delivery and the sweeper do in the end."""
        self.index(*range(PLACES))
        for _ in range(2):
            swept = self.sweep(skew=timedelta(days=1))(Grace.of_seconds(0))
            assert not swept.failed
        assert not list(OfOneSpace(self.pending(None), self.space).unannounced_batches(START + timedelta(days=2)))

    def publish(self, events: Sequence[Event]) -> None:
        """The bus: whoever hears of a change finds it in the feed."""
        told = {(change.key.sop_instance_uid, change.change_number) for change in self.told()}
        heard = {(event.detail["instance"], event.detail["change_number"]) for event in events}
        assert heard <= told, "an event before its row in the feed"
        self.events += events

    def told(self) -> list[FeedChange]:
        """The feed, read whole."""
        source = DynamoDbFeedSource(self.table)
        head = source.head(self.space)
        return list(source.changes(self.space, head.begins_after, head.last)) if head else []

    def totals(self) -> SpaceTotals:
        head = DynamoDbFeedSource(self.table).head(self.space)
        return head.totals if head else SpaceTotals()

    def reading(self, actor: Actor | None = None) -> ReadFeed:
        table = self._of(actor, self.table)
        return ReadFeed(DynamoDbFeedSource(table), DynamoDbCatalogue(table), self.objects)

    def states(self) -> list[tuple[int, ChangeState]]:
        page = self.reading().page(FeedQuery(self.space, limit=200))
        return [(row.change.sequence, row.state) for row in page.rows]

    def rows(self) -> list[Instance]:
        fence = DynamoDbStudyFence(self.table)
        studies = {StudyKey(self.space, key.study_instance_uid) for key in self.keys}
        return [row for study in sorted(studies) for row in fence.read_instances(study)]

    def pending(self, actor: Actor | None) -> DynamoDbPendingWork:
        return DynamoDbPendingWork(self._of(actor, self.table), publishes_to_fhir=False)

    @staticmethod
    def _of(actor: Actor | None, port: Any) -> Any:
        return Stepwise(port, actor) if actor else port


class OfOneSpace:
    """The marks of one space alone: tests share the table, and each has buckets of its own only."""

    def __init__(self, pending: DynamoDbPendingWork, space: str) -> None:
        self._pending = pending
        self._space = space

    def open_studies(self, before: datetime) -> list[StudyKey]:
        return []

    def unannounced_changes(self, before: datetime) -> list[InstanceKey]:
        return [key for key in self._pending.unannounced_changes(before) if key.space == self._space]

    def unannounced_batches(self, before: datetime) -> list[Any]:
        return [batch for batch in self._pending.unannounced_batches(before) if batch.space == self._space]

    def unannounced_revisions(self, before: datetime) -> list[Any]:
        return []

    def unpublished_revisions(self, before: datetime) -> list[Any]:
        return []


def check_feed(world: FeedWorld) -> None:
    """Every change exactly once, numbered without gaps, those of an instance in their order; and what it adds up to."""
    feed, rows = world.told(), world.rows()
    assert [change.sequence for change in feed] == list(range(1, len(feed) + 1))
    assert all(one.told_at <= other.told_at for one, other in pairwise(feed)), "time went back"
    of_instance: defaultdict[InstanceKey, list[FeedChange]] = defaultdict(list)
    for change in feed:
        of_instance[change.key].append(change)
    assert of_instance.keys() == {row.key for row in rows}
    for row in rows:
        changes = of_instance[row.key]
        assert [change.change_number for change in changes] == list(range(1, row.change_number + 1))
        assert changes[-1].action is row.action
        is_there = False
        for change in changes:
            assert change.action in ((Action.UPDATE, Action.DELETE) if is_there else (Action.CREATE,))
            is_there = change.action is not Action.DELETE
    check_totals(world)
    heard = {(event.detail["instance"], event.detail["change_number"]) for event in world.events}
    assert heard == {(change.key.sop_instance_uid, change.change_number) for change in feed}
    numbers = {row.key: row.change_number for row in rows if not row.deleted}
    assert world.states() == [(change.sequence, _state(change, numbers.get(change.key))) for change in feed]


def check_totals(world: FeedWorld) -> None:
    """The totals are what the rows add up to."""
    present = [row for row in world.rows() if not row.deleted]
    assert world.totals() == SpaceTotals(
        studies=len({row.key.study for row in present}),
        series=len({row.key.series_instance_uid for row in present}),
        instances=len(present),
        bytes=sum(row.size_bytes for row in present),
    )


def _state(change: FeedChange, current_number: int | None) -> ChangeState:
    if current_number is None:
        return ChangeState.DELETED
    return ChangeState.CURRENT if change.change_number == current_number else ChangeState.REPLACED
