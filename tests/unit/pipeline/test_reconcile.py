"""Bucket against manifest, both ways, in slices: the manifest is the real one, the bucket a fake that behaves as S3."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from imaging.aws.clients import client
from imaging.aws.dynamodb_passes import DynamoDbReconcilePasses
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import instance_row_key, study_row_key, to_item
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.reconciliation import Pass, Phase, Reconciled
from imaging.model.study import StudyState
from imaging.pipeline.finalize_study import Finalized
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.reconcile import Overtaken, Reconcile
from imaging.pipeline.revision_archive import RevisionArchive, draft_key
from tests.archive import Archive
from tests.instances import part10_instance, stored_metadata
from tests.manifest_table import create_manifest_table
from tests.reconciling import reconciling

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


class World(Archive):
    """A space, and who reconciles it."""

    def reconciler(self, **limits: Any) -> Reconcile:
        index = IndexInstance(self.objects, self.rows, self.clock)
        return reconciling(self.objects, self.table, index, self.clock, **limits)

    def reconcile(self, **how: Any) -> Reconciled:
        found = self.reconciler()(self.space, **how)
        assert found.phase is Phase.DONE
        return found.found

    def put_by_hand(self, study: str, series: str, instance: str, **attributes: object) -> InstanceKey:
        key = self.key(study, series, instance)
        part10 = part10_instance(key, **attributes)
        self.objects.put(self.space, key.object_key, part10, stored_metadata(part10, self.clock()))
        return key

    def row(self, key: InstanceKey) -> Any:
        return self.rows.read_instance(key)

    def update(self, row_key: dict[str, Any], expression: str) -> None:
        client("dynamodb").update_item(TableName=self.table.name, Key=to_item(row_key), UpdateExpression=expression)


@pytest.fixture
def world(table: ManifestTable) -> World:
    return World(table)


def found(**counts: Any) -> Reconciled:
    return Reconciled(**counts)


def test_what_is_as_it_should_be_stays_as_it_is(world: World) -> None:
    for study in ("1", "2"):
        world.store(study, f"{study}.1", f"{study}.1.1")
        world.store(study, f"{study}.1", f"{study}.1.2")
        world.delete(study, f"{study}.1", f"{study}.1.2")
        world.finalize(study)
    assert world.reconcile() == found(studies=2, instances=4)


def test_finds_what_no_event_told(world: World) -> None:
    for number in range(1, 13):  # more than are read one by one
        world.store("1", "1.1", f"1.1.{number}")
    world.store("2", "2.1", "2.1.1")
    new_study = world.put_by_hand("3", "3.1", "3.1.1")
    new_instance = world.put_by_hand("2", "2.1", "2.1.2")
    replaced = world.put_by_hand("1", "1.1", "1.1.5", InstanceNumber=77)
    deleted, gone = world.key("1", "1.1", "1.1.6"), world.key("1", "1.1", "1.1.7")
    world.objects.delete(world.space, deleted.object_key)
    for version in world.objects.versions(gone.object_key, world.space):
        world.objects.remove_version(world.space, gone.object_key, version.version_id)

    assert world.reconcile() == found(studies=3, instances=14, indexed=5)

    assert world.row(new_study).change_number == world.row(new_instance).change_number == 1
    assert (world.row(replaced).change_number, world.row(replaced).deleted) == (2, False)
    assert world.row(deleted).deleted
    assert world.row(gone).deleted
    assert world.reconcile().indexed == 0


def test_finds_a_study_of_which_the_bucket_has_nothing_any_more(world: World) -> None:
    keys = [world.key(study, f"{study}.1", f"{study}.1.1") for study in ("1", "2")]
    for key in keys:
        world.store(key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid)
        for version in world.objects.versions(key.object_key, world.space):
            world.objects.remove_version(world.space, key.object_key, version.version_id)
    assert world.reconcile() == found(indexed=2)
    assert all(world.row(key).deleted for key in keys)


def test_sets_aside_what_has_an_instances_key_and_is_none_and_counts_strangers(world: World) -> None:
    world.store("1", "1.1", "1.1.1")
    refused = ("studies/1/series/1.1/instances/no-uid.dcm", "studies/Doe^Jane/series/1.1/instances/1.2.dcm")
    for key in (*refused, "studies/1/notes.txt", "studies/readme", "studies/Doe^Jane/letter", "elsewhere"):
        world.objects.put(world.space, key, b"by hand")
    assert world.reconcile() == found(studies=1, instances=1, strangers=3)
    assert {f"quarantine/{key}" for key in refused} <= set(world.objects.keys(world.space))


class TestSlices:
    """A pass in as many slices as it takes."""

    @pytest.fixture
    def many(self, world: World) -> World:
        for number in range(10, 26):
            world.put_by_hand(f"1.{number}", f"1.{number}.1", f"1.{number}.1.1")
        return world

    def slices(self, world: World, **limits: Any) -> Iterator[Pass]:
        while True:
            # The clock goes on a second with every look at it.
            yield world.reconciler(side_by_side=2, **limits)(
                world.space, resume=True, deadline=world.clock.now + timedelta(seconds=8)
            )

    def test_the_next_one_goes_on_where_the_last_one_ended(self, many: World) -> None:
        positions = []
        for under_way in self.slices(many):
            positions.append(under_way.found.studies)
            if under_way.phase is not Phase.BUCKET:
                break
        assert len(positions) > 2
        assert positions == sorted(positions)
        done = many.reconciler()(many.space, resume=True)
        assert (done.phase, done.found.studies, done.found.indexed) == (Phase.DONE, 16, 16)
        assert done.ended_at

    def test_what_is_no_study_moves_no_cursor_and_is_not_named(self, world: World, monkeypatch: Any) -> None:
        for study in ("1.2.3", "1.2.3.4"):
            world.put_by_hand(study, f"{study}.1", f"{study}.1.1")
        for key in ("studies/1.2.3", "studies/1.2.3 Doe^Jane/letter"):  # both are listed before studies/1.2.3.4/
            world.objects.put(world.space, key, b"by hand")
        reconcile, told = world.reconciler(side_by_side=1), []
        compare = reconcile._study

        def failing(study: StudyKey, versions: list[Any]) -> Reconciled:
            if study.study_instance_uid in ("", "1.2.3 Doe^Jane"):
                raise Unavailable("The store does not answer.")
            return compare(study, versions)

        monkeypatch.setattr(reconcile, "_study", failing)
        monkeypatch.setattr(reconcile, "_warn", lambda message, *, extra: told.append(f"{message} {extra}"))
        first, second = (reconcile(world.space, resume=True, deadline=world.clock.now) for _ in range(2))
        assert (first.position, first.found.indexed) == ("1.2.3.4", 1)
        assert (second.phase, second.found.studies, second.found.indexed) == (Phase.DONE, 2, 2)
        assert second.found.failed_studies == ["no UID", "no UID"]
        assert told
        assert "Doe" not in "".join(told)

    def test_a_large_study_is_compared_alone(self, many: World, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(1, 6):
            many.put_by_hand("1.12", "1.12.1", f"1.12.1.{number}")
        monkeypatch.setattr("imaging.pipeline.reconcile._VERSIONS_AT_A_TIME", 4)
        reconcile, at_work, seen = many.reconciler(side_by_side=8), Counter[str](), []
        compare = reconcile._study

        def watched(study: StudyKey, versions: list[Any]) -> Reconciled:
            at_work[study.study_instance_uid] = len(versions)
            seen.append(dict(at_work))
            time.sleep(0.05)
            try:
                return compare(study, versions)
            finally:
                del at_work[study.study_instance_uid]

        monkeypatch.setattr(reconcile, "_study", watched)
        assert reconcile(many.space).found.indexed == 20
        assert all(len(each) == 1 for each in seen if "1.12" in each)
        assert max(map(len, seen)) in range(2, 5)

    def test_the_lease_is_kept_while_one_study_takes_long(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.put_by_hand("1", "1.1", "1.1.1")
        monkeypatch.setattr("imaging.pipeline.reconcile._LOOKED_EVERY_SECONDS", 0.02)
        reconcile, passes = world.reconciler(), DynamoDbReconcilePasses(world.table)
        compare, was_kept = reconcile._study, Event()
        keep = reconcile._passes.keep

        def kept(under_way: Pass, until: datetime) -> bool:
            found = keep(under_way, until)
            was_kept.set()
            return found

        def slow(study: StudyKey, versions: list[Any]) -> Reconciled:
            for _ in range(3):  # a lease each
                world.clock.now += timedelta(minutes=9)
                was_kept.clear()
                assert was_kept.wait(30)
            under_way = passes.read(world.space)
            assert under_way
            assert passes.resume(under_way, world.clock(), world.clock()) is None, "somebody is at it"
            return compare(study, versions)

        monkeypatch.setattr(reconcile._passes, "keep", kept)
        monkeypatch.setattr(reconcile, "_study", slow)
        assert reconcile(world.space).found.indexed == 1

    def test_one_that_died_leaves_a_pass_that_is_resumed_when_its_lease_has_ended(self, many: World) -> None:
        class Died(BaseException):
            pass

        def die(under_way: Pass) -> None:
            if under_way.found.studies == 8:
                raise Died

        reconcile = many.reconciler(side_by_side=1)
        keep = reconcile._passes.keep
        reconcile._passes.keep = lambda under_way, until: keep(under_way, until) if until > many.clock.now else True
        with pytest.raises(Died):
            reconcile(many.space, progress=die)
        with pytest.raises(Overtaken):
            many.reconcile(resume=True)
        many.clock.now += timedelta(minutes=11)
        resumed = many.reconciler()(many.space, resume=True)
        assert resumed.phase is Phase.DONE
        assert all(many.row(many.key(f"1.{number}", f"1.{number}.1", f"1.{number}.1.1")) for number in range(10, 26))

    def test_one_that_was_overtaken_stops(self, many: World) -> None:
        def begin_anew(under_way: Pass) -> None:
            many.clock.now += timedelta(seconds=20)
            if under_way.found.studies == 3:
                many.reconcile()

        with pytest.raises(Overtaken):
            many.reconciler(side_by_side=1)(many.space, progress=begin_anew)
        last = DynamoDbReconcilePasses(many.table).read(many.space)
        assert last
        assert (last.phase, last.found.studies) == (Phase.DONE, 16)

    def test_a_schedule_begins_when_it_is_due_and_goes_on_until_it_is_done(self, many: World) -> None:
        reconcile, week = many.reconciler(side_by_side=2), timedelta(days=7)

        def work() -> Pass | None:
            return reconcile.when_due(many.space, week, many.clock.now + timedelta(seconds=8))

        first = work()
        assert first
        assert first.phase is Phase.BUCKET
        while (under_way := work()) and under_way.phase is not Phase.DONE:
            assert under_way.began_at == first.began_at
        assert work() is None
        many.clock.now += week - DAY
        assert work() is None
        many.clock.now += DAY
        assert work()

    def test_in_the_manifest_too_it_goes_on_where_it_ended(self, many: World) -> None:
        assert many.reconcile().indexed == 16
        for number in range(10, 26):
            object_key = many.key(f"1.{number}", f"1.{number}.1", f"1.{number}.1.1").object_key
            for version in many.objects.versions(object_key, many.space):
                many.objects.remove_version(many.space, object_key, version.version_id)
        many.reconciler()._passes.begin(many.space, many.clock(), many.clock())
        phases = []
        for under_way in self.slices(many):
            phases.append(under_way.phase)
            if under_way.phase is Phase.DONE:
                break
        assert phases.count(Phase.MANIFEST) > 2
        assert under_way.found.indexed == 16


def test_one_study_that_cannot_be_compared_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for study in ("1", "2", "3", "4"):
        world.put_by_hand(study, f"{study}.1", f"{study}.1.1")
    failures: dict[str, Exception] = {"2": Unavailable("Something did not answer."), "3": KeyError("Doe^Jane")}
    warnings: list[str] = []

    def warn(message: str, /, *, extra: dict[str, object]) -> None:
        warnings.append(f"{message} {extra}")

    reconcile = world.reconciler()
    monkeypatch.setattr(reconcile, "_warn", warn)
    compare = reconcile._study

    def failing(study: StudyKey, versions: list[Any]) -> Reconciled:
        if study.study_instance_uid in failures:
            raise failures[study.study_instance_uid]
        return compare(study, versions)

    monkeypatch.setattr(reconcile, "_study", failing)
    result = reconcile(world.space)
    assert result.phase is Phase.DONE
    assert result.found == found(studies=2, instances=2, indexed=2, failed=2, failed_studies=["2", "3"])
    assert len(warnings) == 2
    assert "Doe" not in str(warnings)
    assert reconcile.when_due(world.space, timedelta(days=7), world.clock.now + DAY) is None
    world.clock.now += DAY
    assert reconcile.when_due(world.space, timedelta(days=7), world.clock.now + DAY), "sooner than after a good one"


class TestOrphans:
    """What nobody will look for again."""

    def sidecars(self, world: World) -> list[str]:
        return [
            key for key in world.objects.keys(world.space, "studies/") if "/instances/" in key and ".dcm" not in key
        ]

    def test_what_lies_beside_a_version_that_is_gone_is_removed_after_a_day(self, world: World) -> None:
        for number in (1, 2):
            world.store("1", "1.1", "1.1.1", InstanceNumber=number)
        key = world.key("1", "1.1", "1.1.1")
        stem = key.object_key.removesuffix(".dcm")
        first, second = (version.version_id for version in world.objects.versions(key.object_key, world.space))
        kept = [f"{stem}.{version}{ending}" for version in (first, second) for ending in (".frames", ".json.gz")]
        lost = [f"{stem}.never-was{ending}" for ending in (".frames", ".json.gz")]
        for object_key in kept + lost:
            world.objects.put(world.space, object_key, b"")
        assert world.reconcile().orphans == 0
        assert self.sidecars(world) == sorted(kept + lost)
        world.clock.now += 2 * DAY
        assert world.reconcile().orphans == 2
        assert self.sidecars(world) == sorted(kept)

    def test_what_a_revision_names_stays_when_its_version_is_gone(self, world: World) -> None:
        world.store("1", "1.1", "1.1.1")
        world.finalize("1")
        key = world.key("1", "1.1", "1.1.1")
        (first,) = world.objects.versions(key.object_key, world.space)
        world.store("1", "1.1", "1.1.1", InstanceNumber=2)
        sidecar = f"{key.object_key.removesuffix('.dcm')}.{first.version_id}.json.gz"
        world.objects.put(world.space, sidecar, b"")
        world.objects.remove_version(world.space, key.object_key, first.version_id)
        world.clock.now += 2 * DAY
        assert world.reconcile().orphans == 0
        assert sidecar in self.sidecars(world)

    def test_metadata_of_a_series_that_nothing_names_is_counted(self, world: World) -> None:
        for number in (1, 2):
            world.store("1", "1.1", f"1.1.{number}")
            world.finalize("1")
        assert len([key for key in world.objects.keys(world.space) if "/metadata/" in key]) == 2
        world.objects.put(world.space, f"studies/1/series/1.1/metadata/{'0' * 32}.json.gz", b"")
        world.clock.now += 2 * DAY
        result = world.reconcile()
        assert (result.unnamed_metadata, result.orphans) == (1, 0)

    def test_a_draft_that_lost_is_dropped_and_one_that_was_committed_gets_its_key(self, world: World) -> None:
        world.store("1", "1.1", "1.1.1")
        world.finalize("1")
        study, archive = StudyKey(world.space, "1"), RevisionArchive(world.objects)
        committed = reconciling(world.objects, world.table, None, world.clock)._orphans._fence.read_revision(study, 1)
        revision = archive.read(study, 1)
        archive.write_draft(revision, committed.claim)
        archive.write_draft(revision, "a-claim-that-lost")
        final = f"{study.prefix}revisions/00000001.json.gz"
        for version in world.objects.versions(final, world.space):
            world.objects.remove_version(world.space, final, version.version_id)
        assert world.reconcile().orphans == 0
        world.clock.now += 2 * DAY
        assert world.reconcile().orphans == 1
        assert archive.read(study, 1) == revision
        assert world.objects.keys(world.space, "drafts/") == []
        assert draft_key(study, 1, "x").startswith("drafts/")


def test_marks_that_were_lost_come_back_and_what_is_overdue_is_counted(world: World) -> None:
    key = world.key("1", "1.1", "1.1.1")
    world.store("1", "1.1", "1.1.1")
    instance_key, study_key = instance_row_key(key), study_row_key(key.study)
    assert world.reconcile() == found(studies=1, instances=1)
    for row_key in (instance_key, study_key):
        world.update(row_key, "REMOVE pending, pending_since")
    assert world.reconcile() == found(studies=1, instances=1, marked_again=2)
    for row_key, kind in ((instance_key, "announce-change"), (study_key, "finalize")):
        row = world.table.get(row_key)
        assert row["pending"].startswith(kind)
        assert datetime.fromisoformat(row["pending_since"]) <= world.clock.now
    world.clock.now += timedelta(hours=2)
    assert world.reconcile() == found(studies=1, instances=1, overdue_studies=1, unannounced=1)
    world.finalize("1", Finalized.REVISED)
    assert world.table.get(study_key)["state"] == StudyState.FINAL
