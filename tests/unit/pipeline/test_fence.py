"""The fence under arrivals, replacements, deletes, races, crashes and lost events.

The manifest is the real one, DynamoDB's conditional writes included; S3 is a
fake that behaves as S3 does, so that many orders can be tried.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.aws.clients import client
from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_deletions import DynamoDbStudyDeletions
from imaging.aws.dynamodb_feed import DynamoDbChangeFeed
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_pending import DynamoDbPendingWork
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import instance_partitions, study_partition, study_row_key, to_item
from imaging.aws.searchable import Listings
from imaging.errors import Rejected, Unavailable
from imaging.model.completion import Due
from imaging.model.events import Event
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Door
from imaging.model.links import Links
from imaging.model.revision import Revision
from imaging.model.study import StudyState
from imaging.pipeline.announce_change import AnnounceChange
from imaging.pipeline.compare_study import CompareStudy
from imaging.pipeline.delete_instances import DeleteInstances
from imaging.pipeline.finalize_study import Finalized, FinalizeStudy
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.reconcile import Reconcile
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
from imaging.pipeline.store_instance import StoreInstance
from imaging.pipeline.sweep import Grace, Sweep
from imaging.settings import Hint, OtherBytes, Space
from tests.fakes import InMemoryObjects
from tests.instances import part10_instance, stored_metadata
from tests.interleaving import Actor, Stepwise, run_interleaved
from tests.manifest_table import create_manifest_table
from tests.reconciling import reconciling

NO_QUIET = timedelta(0)
SERIES = 2
INSTANCES_A_SERIES = 2


class Clock:
    """A clock that moves whenever it is read, so that no two moments are the same."""

    def __init__(self) -> None:
        self._ticks = count()
        self.skipped = timedelta(0)

    def __call__(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + self.skipped + timedelta(milliseconds=next(self._ticks))


@dataclass
class Bus:
    """Remembers what it was told."""

    events: list[Event] = field(default_factory=list)

    def publish(self, events: list[Event]) -> None:
        self.events += events


class ListsTheIndexed:
    """A bucket that does not show what nobody has indexed, as one listed before that came."""

    def __init__(self, objects: InMemoryObjects, fence: DynamoDbStudyFence, study: StudyKey) -> None:
        self._objects = objects
        self._fence = fence
        self._study = study

    def keys(self, space: str, prefix: str) -> list[str]:
        indexed = {row.key.object_key for row in self._fence.read_instances(self._study) if not row.deleted}
        return [key for key in self._objects.keys(space, prefix) if key in indexed]


class NoTimer:
    """The test decides when a timer falls due."""

    def arm(self, study: StudyKey, changes: int, due: Due, attempt: int = 0) -> None:
        pass


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


class World:
    """One study of its own, in a space of its own, and the processes around it."""

    def __init__(
        self,
        table: ManifestTable,
        deleted_at_once: int = 1_000,
        quiet: timedelta = NO_QUIET,
        longest_wait: timedelta | None = None,
        finish_on: frozenset[Hint] = frozenset(),
    ) -> None:
        self.table = table
        self.quiet = quiet
        self.deleted_at_once = deleted_at_once
        self.space = f"space-{uuid4().hex[:12]}"
        self.study = StudyKey(self.space, f"1.2.{uuid4().int}")
        self.spaces = {self.space: Space(self.space, "bucket", "MAIN", OtherBytes.REPLACE, "", longest_wait, finish_on)}
        self.objects = InMemoryObjects([self.space])
        self.bus = Bus()
        self.clock = Clock()
        self.fence = DynamoDbStudyFence(table)
        self.pending = DynamoDbPendingWork(table, publishes_to_fhir=False)
        self.archive = RevisionArchive(self.objects)

    def key(self, place: int) -> InstanceKey:
        series, instance = divmod(place, INSTANCES_A_SERIES)
        study = self.study.study_instance_uid
        return InstanceKey(self.space, study, f"{study}.{series + 1}", f"{study}.{series + 1}.{instance + 1}")

    @property
    def keys(self) -> list[InstanceKey]:
        return [self.key(place) for place in range(SERIES * INSTANCES_A_SERIES)]

    def put(self, place: int, content: int, expected_instances: int | None = None) -> None:
        key = self.key(place)
        part10 = part10_instance(key, **of_content(content))
        metadata = stored_metadata(part10, self.clock(), expected_instances)
        self.objects.put(self.space, key.object_key, part10, metadata)

    def delete(self, place: int) -> None:
        self.objects.delete(self.space, self.key(place).object_key)

    def index(self, actor: Actor | None = None) -> IndexInstance:
        index = DynamoDbInstanceIndex(self.table)
        return IndexInstance(_of(actor, self.objects), _of(actor, index), self.clock, side_by_side=1)

    def finalize(self, actor: Actor | None = None, *, sees_queued: bool = True) -> FinalizeStudy:
        objects, fence = _of(actor, self.objects), _of(actor, self.fence)
        listing = objects if sees_queued else ListsTheIndexed(self.objects, self.fence, self.study)
        return FinalizeStudy(
            fence,
            CompareStudy(
                objects,
                listing,
                _of(actor, DynamoDbInstanceIndex(self.table)),
                _of(actor, DynamoDbStudyDeletions(self.table)),
                self.clock,
                side_by_side=1,
            ),
            RevisionArchive(objects),
            SeriesMetadata(objects, fence),
            NoTimer(),
            quiet=self.quiet,
            spaces=self.spaces,
            clock=self.clock,
            new_claim=lambda: uuid4().hex,
        )

    def store(self, actor: Actor | None = None) -> StoreInstance:
        return StoreInstance(_of(actor, self.objects), self.spaces, self.clock)

    def erase(self, actor: Actor | None = None) -> DeleteInstances:
        objects = _of(actor, self.objects)
        return DeleteInstances(
            objects,
            objects,
            _of(actor, DynamoDbInstanceIndex(self.table)),
            _of(actor, DynamoDbCatalogue(self.table)),
            _of(actor, DynamoDbStudyDeletions(self.table)),
            self.clock,
            at_once=self.deleted_at_once,
        )

    def visible(self) -> dict[InstanceKey, str]:
        """What a reader sees of the study: version ids, by every way there is to read."""
        catalogue = DynamoDbCatalogue(self.table)
        rows = {row.key: row.version_id for row in catalogue.read_instances(self.study)}
        series = {one.series_instance_uid: one.instances for one in catalogue.read_series(self.study)}
        assert series == Counter(key.series_instance_uid for key in rows)
        for study in catalogue.read_studies([self.study]):
            assert (study.series, study.instances) == (len(series), len(rows))
        assert {row.key for row in catalogue.read_instances_at(self.keys)} == rows.keys()
        return rows

    def sweep(self, actor: Actor | None = None) -> Sweep:
        pending = _of(actor, self.pending)
        announce = AnnounceChange(
            _of(actor, DynamoDbChangeFeed(self.table, self.objects)),
            _of(actor, self.bus),
            NoTimer(),
            pending,
            RevisionArchive(_of(actor, self.objects)),
            Links("https://imaging.example.org"),
            quiet=self.quiet,
            spaces=self.spaces,
            clock=self.clock,
        )
        return Sweep(pending, _of(actor, self.fence), announce, quiet=self.quiet, spaces=self.spaces, clock=self.clock)

    def reconcile(self) -> Reconcile:
        return reconciling(self.objects, self.table, self.index(), self.clock)

    def settle(self) -> None:
        """Deliver again all that at-least-once delivery would, until nothing is left to do."""
        assert self.index()(self.keys) == {}
        self.clock.skipped += timedelta(hours=1)  # whoever died has lost what they leased
        outcomes = [self.finalize()(self.study) for _ in range(4)]
        assert outcomes[-1] is Finalized.NOTHING_OPEN, outcomes
        self.sweep()(Grace.of_seconds(-1))

    def revisions(self) -> Iterator[Revision]:
        study = self.fence.read_study(self.study)
        for number in range(1, (study.revision if study else 0) + 1):
            revision = self.archive.read(self.study, number)
            assert revision is not None, f"revision {number} has no final key"
            yield revision


def of_content(content: int) -> dict[str, str]:
    """Attributes by which the study is listed differ from content to content."""
    names = ("Test^Patient", "Test^Other", "Zed=\u5c71\u7530")
    modality, day = ("CT", "MR", "CT")[content], content // 2 + 1
    return {
        "PatientComments": f"content {content}",
        "PatientName": names[content],
        "Modality": modality,
        "StudyDate": f"2026010{day}",
        "SpecificCharacterSet": "ISO_IR 192",
    }


def _of(actor, port):
    return Stepwise(port, actor) if actor else port


def check_history(world: World) -> None:
    """Exactly one history, complete, ending at what S3 holds."""
    content: dict[tuple[str, str], str] = {}
    for number, revision in enumerate(world.revisions(), start=1):
        assert revision.number == number
        assert revision.is_change, "a revision without a change"
        held = {
            (series.series_instance_uid, one.sop_instance_uid): one.data_set_digest
            for series in revision.series
            for one in series.instances
        }
        before, content = content, held
        assert {_uids(change) for change in revision.additions} == held.keys() - before.keys()
        assert {_uids(change) for change in revision.deletions} == before.keys() - held.keys()
        assert {_uids(change) for change in revision.modifications} == {
            uids for uids in held.keys() & before.keys() if held[uids] != before[uids]
        }
    in_s3 = {
        (key.series_instance_uid, key.sop_instance_uid): stored.metadata["data-set-sha256"]
        for place in range(SERIES * INSTANCES_A_SERIES)
        for key in [world.key(place)]
        if (stored := world.objects.head(world.space, key.object_key))
    }
    assert content == in_s3, "the last revision is not what S3 holds"


def check_counts(world: World) -> None:
    study, rows = world.fence.read_study(world.study), world.fence.read_instances(world.study)
    if study is None:
        assert rows == []
        return
    present = [row for row in rows if not row.deleted]
    assert study.state is StudyState.FINAL
    assert not study.deletions, "a mark that nothing will remove"
    assert study.changes == sum(row.change_number for row in rows)
    assert study.instances == len(present)
    assert study.series == len({row.key.series_instance_uid for row in present})
    check_listings(world)
    for series in world.fence.read_series(world.study):
        of_series = [row for row in rows if row.key.series_instance_uid == series.series_instance_uid]
        assert series.changes == sum(row.change_number for row in of_series)
        assert series.instances == sum(not row.deleted for row in of_series)
        if series.instances:
            assert series.finished_metadata_key
            assert world.objects.head(world.space, series.finished_metadata_key)


def check_listings(world: World) -> None:
    """The search lists the study by just what its row says."""
    study = world.fence.read_study(world.study)
    assert study is not None
    expected = Listings.of_study(study.attributes, study.modalities) if study.instances else None
    assert Listings.read(study.listings) == expected
    rows = world.table.query(
        KeyConditionExpression="pk = :pk AND begins_with(sk, :listed)",
        ExpressionAttributeValues=to_item({":pk": study_partition(world.study), ":listed": "LISTED#"}),
    )
    wanted = sorted(expected.rows(world.study), key=lambda row: row["sk"]) if expected else []
    assert list(rows) == [{name: value for name, value in row.items() if value is not None} for row in wanted]


def check_told(world: World) -> None:
    """Each revision and each instance's last change was told at least once, and nothing that was not."""
    rows = {row.key.sop_instance_uid: row for row in world.fence.read_instances(world.study)}
    told = {
        (event.detail["instance"], event.detail["change_number"])
        for event in world.bus.events
        if "instance" in event.detail
    }
    assert {(uid, row.change_number) for uid, row in rows.items()} <= told
    assert all(1 <= number <= rows[uid].change_number for uid, number in told)
    revisions = {event.detail["revision"]: event for event in world.bus.events if "revision" in event.detail}
    history = {revision.number: revision for revision in world.revisions()}
    assert revisions.keys() == history.keys()
    for number, event in revisions.items():
        assert event.detail["additions"] == len(history[number].additions)
        assert event.detail_type == ("Study Revised" if history[number].instances else "Study Deleted")


def _uids(change):
    return change.series_instance_uid, change.sop_instance_uid


place = st.integers(0, SERIES * INSTANCES_A_SERIES - 1)
mutation = st.one_of(st.tuples(st.just("put"), place, st.integers(0, 2)), st.tuples(st.just("delete"), place))
mutations = st.lists(mutation, min_size=1, max_size=5)


@settings(
    max_examples=45,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    senders=st.lists(mutations, min_size=1, max_size=3),
    finalizers=st.integers(1, 2),
    sees_queued=st.booleans(),
    sweepers=st.integers(0, 1),
    choices=st.lists(st.integers(0, 7), max_size=200),
    kill_at=st.frozensets(st.integers(2, 120), max_size=3),
)
def test_any_order_of_arrivals_finalizers_and_crashes_leaves_one_complete_history(
    table, senders, finalizers, sees_queued, sweepers, choices, kill_at
):
    world = World(table)

    def sender(script):
        def act(actor: Actor) -> None:
            for verb, *arguments in script:
                actor.checkpoint()
                getattr(world, verb)(*arguments)
                world.index(actor)([world.key(arguments[0])])

        return act

    def finalizer(actor: Actor) -> None:
        for _ in range(3):
            try:
                world.finalize(actor, sees_queued=sees_queued)(world.study)
            except Unavailable:
                continue  # its queue delivers it again

    def sweeper(actor: Actor) -> None:
        world.sweep(actor)(Grace.of_seconds(-1))

    run_interleaved(
        [
            *(Actor(f"sender {n}", sender(script)) for n, script in enumerate(senders)),
            *(Actor(f"finalizer {n}", finalizer) for n in range(finalizers)),
            *(Actor(f"sweeper {n}", sweeper) for n in range(sweepers)),
        ],
        choices,
        kill_at,
    )
    world.settle()
    check_history(world)
    check_counts(world)
    check_told(world)


@dataclass
class Deed:
    """A store or a delete through a door, as its client saw it.

    Attributes
    ----------
    ended
        When it was acknowledged; None if that never came.
    """

    places: set[int]
    is_delete: bool
    began: int
    ended: int | None = None


@dataclass
class Journal:
    """Every store and delete, in an order of begins and ends that all agree on."""

    deeds: list[Deed] = field(default_factory=list)
    moments: Iterator[int] = field(default_factory=count)

    def begin(self, places: set[int], *, is_delete: bool) -> Deed:
        self.deeds.append(Deed(places, is_delete, next(self.moments)))
        return self.deeds[-1]

    def end(self, deed: Deed) -> None:
        deed.ended = next(self.moments)

    def may_be_there(self, place: int) -> bool:
        """Whether some store was not over when the last acknowledged delete began."""
        deleted = max((deed.began for deed in self._of(place) if deed.is_delete and deed.ended is not None), default=-1)
        return any(not deed.is_delete and (deed.ended is None or deed.ended > deleted) for deed in self._of(place))

    def must_be_there(self, place: int) -> bool:
        """Whether a store was acknowledged that began after every delete was over."""
        deletes = [deed for deed in self._of(place) if deed.is_delete]
        if any(deed.ended is None for deed in deletes):
            return False  # it died; who knows where
        deleted = max((deed.ended for deed in deletes if deed.ended is not None), default=-1)
        return any(not deed.is_delete and deed.ended is not None and deed.began > deleted for deed in self._of(place))

    def _of(self, place: int) -> list[Deed]:
        return [deed for deed in self.deeds if place in deed.places]


class Erasing:
    """Actors that store and delete through the doors, and keep a journal of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.journal = Journal()

    def store(self, actor: Actor, place: int, content: int) -> None:
        part10 = part10_instance(self.world.key(place), **of_content(content))
        deed = self.journal.begin({place}, is_delete=False)
        try:
            self.world.store(actor)(self.world.space, part10, door=Door.STOW_RS)
        except Unavailable:
            return
        self.journal.end(deed)
        self._deliver(actor, {place})

    def erase(self, actor: Actor, scope: str, place: int) -> None:
        key = self.world.key(place)
        named = {"study": (), "series": (key.series_instance_uid,), "instance": key_below(key)}[scope]
        places = {
            other for other in range(len(self.world.keys)) if key_below(self.world.key(other))[: len(named)] == named
        }
        deed = self.journal.begin(places, is_delete=True)
        try:
            self.world.erase(actor)(self.world.study, *named)
        except Rejected:
            pass
        except Unavailable:
            return
        self.journal.end(deed)
        self.check_nothing_deleted_is_seen()
        self._deliver(actor, places)

    def _deliver(self, actor: Actor, places: set[int]) -> None:
        """Index as the event asks for, again and again until it is done."""
        while self.world.index(actor)(map(self.world.key, places)):
            pass

    def check_nothing_deleted_is_seen(self) -> None:
        visible = self.world.visible()
        for place, key in enumerate(self.world.keys):
            assert key not in visible or self.journal.may_be_there(place), f"{place} is seen after it was deleted"


def key_below(key: InstanceKey) -> tuple[str, str]:
    return key.series_instance_uid, key.sop_instance_uid


erasure = st.one_of(
    st.tuples(st.just("store"), place, st.integers(0, 1)),
    st.tuples(st.just("erase"), st.sampled_from(["study", "series", "instance"]), place),
)
erasures = st.lists(erasure, min_size=1, max_size=4)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    clients=st.lists(erasures, min_size=2, max_size=3),
    finalizers=st.integers(0, 2),
    choices=st.lists(st.integers(0, 7), max_size=250),
    kill_at=st.one_of(st.just(frozenset()), st.frozensets(st.integers(2, 150), max_size=2)),
    deleted_at_once=st.sampled_from([0, 1_000]),
)
def test_in_any_order_what_was_deleted_is_gone_at_once_and_what_is_stored_afterwards_stays(
    table, clients, finalizers, choices, kill_at, deleted_at_once
):
    world = World(table, deleted_at_once)
    erasing = Erasing(world)

    def by_script(script):
        def act(actor: Actor) -> None:
            for verb, *arguments in script:
                actor.checkpoint()
                getattr(erasing, verb)(actor, *arguments)

        return act

    def finalizer(actor: Actor) -> None:
        for _ in range(3):
            try:
                world.finalize(actor)(world.study)
            except Unavailable:
                continue  # its queue delivers it again

    def reader(actor: Actor) -> None:
        for _ in range(20):
            actor.checkpoint()
            erasing.check_nothing_deleted_is_seen()

    run_interleaved(
        [
            *(Actor(f"client {n}", by_script(script)) for n, script in enumerate(clients)),
            # A finalizer lets go of the marks when the study is quiet, and here it is quiet at once: an indexer
            # that has slept since before the delete could then write a row that can be seen until the next
            # finalizer. So either a reader looks on, or there are finalizers.
            *(Actor(f"finalizer {n}", finalizer) for n in range(finalizers)),
            *([] if finalizers else [Actor("reader", reader)]),
        ],
        choices,
        kill_at,
    )
    if not kill_at:
        live = {row.key for row in world.fence.read_instances(world.study) if not row.deleted}
        stored = {key for key in world.keys if world.objects.head(world.space, key.object_key)}
        assert stored <= live, "every event was delivered, and an object has no row"
    world.settle()
    check_history(world)
    check_counts(world)
    check_told(world)
    erasing.check_nothing_deleted_is_seen()
    seen = world.visible()
    assert seen == {
        key: stored.version_id for key in world.keys if (stored := world.objects.head(world.space, key.object_key))
    }, "a reader does not see what S3 holds"
    for place, key in enumerate(world.keys):
        assert key in seen or not erasing.journal.must_be_there(place), f"{place} was stored after all deletes"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(mutations, min_size=1, max_size=3), lost=st.sets(st.integers(0, 20)))
def test_reconcile_brings_back_what_events_lost_and_a_manifest_that_is_gone(table, batches, lost):
    world = World(table)
    numbered = count()
    for batch in batches:
        for verb, *arguments in batch:
            getattr(world, verb)(*arguments)
            if next(numbered) not in lost:
                world.index()([world.key(arguments[0])])
        world.finalize()(world.study)
    world.reconcile()(world.space)
    world.settle()
    check_history(world)
    check_counts(world)
    history = [(revision.number, revision.series) for revision in world.revisions()]
    rows = world.fence.read_instances(world.study)

    lose_manifest(world)
    world.reconcile()(world.space)
    world.settle()

    check_history(world)
    check_counts(world)
    assert [(revision.number, revision.series) for revision in world.revisions()] == history
    last_version = {
        (series.series_instance_uid, one.sop_instance_uid): one.version_id
        for _, all_series in history
        for series in all_series
        for one in series.instances
    }
    restored = {row.key: row for row in world.fence.read_instances(world.study)}
    for row in rows:
        uids = (row.key.series_instance_uid, row.key.sop_instance_uid)
        if not history:
            assert row.deleted, "what lives has a revision"  # what came and went before the first one is not restored
            continue
        after = restored[row.key]
        assert after.change_number >= row.change_number  # changes may have been told as one, or not at all
        if row.deleted:
            assert after.deleted
        elif row.version_id == last_version[uids]:
            assert after == row
        else:  # what was overwritten, or went, and came again as it was between two revisions
            assert replace(after, change_number=row.change_number, action=row.action) == row


def test_a_study_waits_for_its_instances_that_are_stored_and_not_indexed_yet(table):
    world = World(table)
    world.put(0, 0)
    world.put(1, 0)
    world.index()([world.key(0)])
    assert world.finalize()(world.study) is Finalized.STILL_INDEXING
    world.index()([world.key(1)])
    assert world.finalize()(world.study) is Finalized.REVISED
    assert [len(revision.additions) for revision in world.revisions()] == [2]
    world.settle()


def test_a_manifest_lost_while_instances_arrive_is_not_finalized_over_its_history(table):
    world = World(table)
    for place in range(3):
        world.put(place, 0)
        world.index()([world.key(place)])
        world.finalize()(world.study)
    history = [revision.number for revision in world.revisions()]
    assert history == [1, 2, 3]

    # Given that an instance arrives after the table was lost and before anybody reconciled,
    lose_manifest(world)
    world.put(3, 0)
    world.index()([world.key(3)])
    with pytest.raises(Unavailable, match="reconcile"):
        world.finalize(sees_queued=False)(world.study)

    # when the study is reconciled and finalized, the late instance is revision 4.
    world.reconcile()(world.space)
    world.settle()
    check_history(world)
    check_counts(world)
    assert [len(revision.additions) for revision in world.revisions()] == [1, 1, 1, 1]


def lose_manifest(world: World) -> None:
    """Delete every row of the study, as if the table were new."""
    for partition in (study_partition(world.study), *instance_partitions(world.study)):
        for row in list(
            world.table.query(KeyConditionExpression="pk = :pk", ExpressionAttributeValues=to_item({":pk": partition}))
        ):
            client("dynamodb").delete_item(TableName=world.table.name, Key=to_item({"pk": row["pk"], "sk": row["sk"]}))
    assert world.table.get(study_row_key(world.study)) is None
