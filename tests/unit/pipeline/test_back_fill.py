"""What is stored becomes searchable by a query tag that is configured later, whatever happens meanwhile."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from itertools import count
from threading import Event
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from imaging.aws.clients import client
from imaging.aws.dynamodb_deletions import DynamoDbStudyDeletions
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_index import DynamoDbInstanceIndex
from imaging.aws.dynamodb_query_tags import DynamoDbAttributeRewriting, DynamoDbQueryTagStates, DynamoDbTagRegisters
from imaging.aws.dynamodb_restoration import DynamoDbStudyRestoration
from imaging.aws.dynamodb_survey import DynamoDbManifestSurvey
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import instance_partitions, instance_row_key, metadata_row_key, study_partition, to_item
from imaging.dicom.attributes import text
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import DicomJson, Instance
from imaging.model.study import StudyState
from imaging.pipeline.back_fill import BackFill, Stores
from imaging.pipeline.compare_study import CompareStudy
from imaging.pipeline.finalize_study import FinalizeStudy
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.restore_study import RestoreStudy
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
from imaging.pipeline.study_objects import StudyObjects
from imaging.ports.query_tags import TagRegister
from imaging.settings import QueryTag
from tests.archive import Archive, NoTimer
from tests.instances import part10_instance, stored_metadata
from tests.interleaving import Actor, Stepwise, run_interleaved
from tests.manifest_table import create_manifest_table

OF_STUDY = QueryTag("00081080", "AdmittingDiagnosesDescription", "LO", "study")
OF_SERIES = QueryTag("00180022", "ScanOptions", "CS", "series")
OF_INSTANCE = QueryTag("00091011", "", "LO", "instance", "ACME 1.1")
TAGS = (OF_STUDY, OF_SERIES, OF_INSTANCE)
LONG = timedelta(hours=1)


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


class Tagged(Archive):
    """A space whose processes know query tags, after others that did not have filled it."""

    def __init__(self, table: ManifestTable) -> None:
        super().__init__(table)
        self.registers = DynamoDbTagRegisters(table)
        self.warnings: list[Mapping[str, object]] = []
        self.fence: DynamoDbStudyFence = DynamoDbStudyFence(table)

    def warn(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        self.warnings.append(extra)

    def states(self, tags: Sequence[QueryTag] = TAGS) -> DynamoDbQueryTagStates:
        return DynamoDbQueryTagStates(self.table, tags)

    def back_fill(
        self,
        tags: Sequence[QueryTag] = TAGS,
        actor: Actor | None = None,
        *,
        settle: timedelta = timedelta(0),
        lasting: timedelta = LONG,
        rewriting: DynamoDbAttributeRewriting | None = None,
    ) -> TagRegister:
        back_fill = BackFill(
            Stores(
                _of(actor, self.objects),
                _of(actor, self.objects),
                _of(actor, self.fence),
                _of(actor, DynamoDbManifestSurvey(self.table)),
            ),
            _of(actor, self.registers),
            _of(actor, rewriting or DynamoDbAttributeRewriting(self.table)),
            tags,
            settle=settle,
            clock=self.clock,
            warn=self.warn,
        )
        return back_fill(self.space, self.clock() + lasting)

    def indexer(self, tags: Sequence[QueryTag] = TAGS, actor: Actor | None = None) -> IndexInstance:
        index = _of(actor, DynamoDbInstanceIndex(self.table, tags))
        return IndexInstance(_of(actor, self.objects), index, self.clock, side_by_side=1, query_tags=tags)

    def finalizer(self, actor: Actor | None = None) -> FinalizeStudy:
        objects, fence = _of(actor, self.objects), _of(actor, self.fence)
        claims = count()
        return FinalizeStudy(
            fence,
            CompareStudy(
                objects,
                objects,
                _of(actor, DynamoDbInstanceIndex(self.table, TAGS)),
                _of(actor, DynamoDbStudyDeletions(self.table)),
                self.clock,
                side_by_side=1,
            ),
            RevisionArchive(objects),
            SeriesMetadata(objects, fence),
            NoTimer(),
            quiet=timedelta(0),
            clock=self.clock,
            new_claim=lambda: f"{id(self)}-{next(claims)}",
            query_tags=TAGS,
        )

    def keep(self, study: str, series: str, instance: str, value: str) -> None:
        """Put an object that nobody has indexed yet."""
        key = self.key(study, series, instance)
        part10 = tagged(key, value)
        self.objects.put(self.space, key.object_key, part10, stored_metadata(part10, self.clock()))

    def values(self, study: str) -> tuple[str, dict[str, str], dict[str, str]]:
        """What the tags have on the rows of study, series and instances."""
        key = StudyKey(self.space, study)
        row = self.fence.read_study(key)
        assert row is not None
        series = {one.series_instance_uid: text(one.attributes, OF_SERIES.tag) for one in self.fence.read_series(key)}
        instances = {
            one.key.sop_instance_uid: text(one.attributes, OF_INSTANCE.tag)
            for one in self.fence.read_instances(key)
            if not one.deleted
        }
        return text(row.attributes, OF_STUDY.tag), series, instances


class CountedRewriting(DynamoDbAttributeRewriting):
    """Remembers the instances whose rows it has written."""

    def __init__(self, table: ManifestTable) -> None:
        super().__init__(table)
        self.instances: list[InstanceKey] = []

    def rewrite_instance(self, instance: Instance, attributes: DicomJson) -> bool:
        self.instances.append(instance.key)
        return super().rewrite_instance(instance, attributes)


class CountedReads(DynamoDbStudyFence):
    """Counts how often metadata is read; after `most` times it cannot be."""

    def __init__(self, table: ManifestTable, most: int = 100) -> None:
        super().__init__(table)
        self.metadata = 0
        self._most = most

    def read_metadata(self, instances: Sequence[Instance]) -> dict[InstanceKey, bytes]:
        if self.metadata == self._most:
            raise Unavailable("The manifest does not answer.")
        self.metadata += 1
        return super().read_metadata(instances)


def _of(actor, port):
    return Stepwise(port, actor) if actor else port


def tagged(key: InstanceKey, value: str, **attributes: object) -> bytes:
    """An instance with the value in all tags; the private one lies in the second block of its group."""
    instance = part10_instance(key, AdmittingDiagnosesDescription=value, ScanOptions=value, **attributes)
    ds = dcmread(BytesIO(instance))
    ds.private_block(0x0009, "OTHER", create=True)
    ds.private_block(0x0009, "ACME 1.1", create=True).add_new(0x11, "LO", value)
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


class TestOneWalk:
    @pytest.fixture
    def archive(self, table: ManifestTable) -> Tagged:
        return Tagged(table)

    def test_indexes_what_is_stored_at_all_levels_and_is_ready_then(self, archive: Tagged) -> None:
        archive.keep("1", "1.1", "1.1.1", "OLD")
        archive.keep("1", "1.1", "1.1.2", "NEW")
        archive.index_all([archive.key("1", "1.1", "1.1.1"), archive.key("1", "1.1", "1.1.2")])
        archive.finalize("1")
        assert archive.values("1") == ("", {"1.1": ""}, {"1.1.1": "", "1.1.2": ""})
        assert archive.states().read(archive.space).pending == dict.fromkeys(TAGS, 0)
        assert archive.back_fill().percent == 100
        assert archive.values("1") == ("NEW", {"1.1": "NEW"}, {"1.1.1": "OLD", "1.1.2": "NEW"})
        assert archive.states().read(archive.space).ready == TAGS

    def test_what_comes_afterwards_is_indexed_at_once(self, archive: Tagged) -> None:
        archive.back_fill()
        archive.keep("1", "1.1", "1.1.1", "V")
        assert archive.indexer()([archive.key("1", "1.1", "1.1.1")]) == {}
        assert archive.values("1") == ("V", {"1.1": "V"}, {"1.1.1": "V"})
        archive.finalizer()(StudyKey(archive.space, "1"))
        assert archive.values("1") == ("V", {"1.1": "V"}, {"1.1.1": "V"})

    def test_nobody_is_told(self, archive: Tagged) -> None:
        archive.keep("1", "1.1", "1.1.1", "V")
        archive.index_all([archive.key("1", "1.1", "1.1.1")])
        archive.finalize("1")
        before = archive.fence.read_study(StudyKey(archive.space, "1"))
        archive.back_fill()
        after = archive.fence.read_study(StudyKey(archive.space, "1"))
        assert before is not None
        assert after is not None
        assert replace(after, attributes=before.attributes) == before

    def test_waits_for_processes_that_do_not_know_the_tag(self, archive: Tagged) -> None:
        archive.keep("1", "1.1", "1.1.1", "V")
        archive.index_all([archive.key("1", "1.1", "1.1.1")])
        assert archive.back_fill(settle=timedelta(minutes=15)).pending
        archive.keep("1", "1.1", "1.1.2", "LATE")
        archive.index_all([archive.key("1", "1.1", "1.1.2")])  # by one of them
        archive.clock.now += timedelta(minutes=15)
        assert not archive.back_fill(settle=timedelta(minutes=15)).pending
        assert archive.values("1") == ("LATE", {"1.1": "LATE"}, {"1.1.1": "V", "1.1.2": "LATE"})

    def test_goes_on_where_a_slice_ended_and_tells_how_far_it_is(self, archive: Tagged) -> None:
        for number in range(1, 6):
            archive.keep(f"1.{number}", "1.1", "1.1.1", "V")
            archive.index_all([archive.key(f"1.{number}", "1.1", "1.1.1")])
        percents = [archive.back_fill(lasting=timedelta(seconds=2)).percent for _ in range(12)]
        assert percents == sorted(percents)
        assert len(set(percents)) > 2
        assert percents[-1] == 100
        assert [archive.values(f"1.{number}")[0] for number in range(1, 6)] == ["V"] * 5

    def test_a_tag_that_was_taken_out_and_comes_back_starts_over(self, archive: Tagged) -> None:
        archive.back_fill()
        archive.back_fill([OF_STUDY])
        assert archive.states([OF_STUDY]).read(archive.space).ready == (OF_STUDY,)
        archive.keep("1", "1.1", "1.1.1", "V")
        assert archive.indexer([OF_STUDY])([archive.key("1", "1.1", "1.1.1")]) == {}
        archive.back_fill(settle=LONG)
        assert archive.states().read(archive.space).pending.keys() == {OF_SERIES, OF_INSTANCE}
        archive.back_fill()
        assert archive.values("1") == ("V", {"1.1": "V"}, {"1.1.1": "V"})

    def test_a_study_that_a_finalizer_is_at_is_come_back_to(self, archive: Tagged) -> None:
        archive.keep("1", "1.1", "1.1.1", "V")
        archive.index_all([archive.key("1", "1.1", "1.1.1")])
        study = archive.fence.read_study(StudyKey(archive.space, "1"))
        assert study is not None
        assert archive.fence.claim(study, "claim", archive.clock())
        assert archive.back_fill().left == ("1",)
        archive.finalizer()(study.key)
        assert not archive.back_fill().pending
        assert archive.values("1")[0] == "V"

    def test_two_at_once_do_not_undo_each_other(self, archive: Tagged) -> None:
        archive.back_fill(settle=LONG)
        seen = archive.registers.read_register(archive.space)
        archive.back_fill()
        assert archive.registers.write_register(seen) is None
        assert archive.states().read(archive.space).ready == TAGS

    def test_long_metadata_beside_the_instance_is_read_too(self, archive: Tagged) -> None:
        key = archive.key("1", "1.1", "1.1.1")
        noise = "".join(uuid4().hex for _ in range(1_000))
        part10 = tagged(key, "V", ImageComments=noise)
        archive.objects.put(archive.space, key.object_key, part10, stored_metadata(part10, archive.clock()))
        archive.index_all([key])
        archive.back_fill()
        assert archive.values("1") == ("V", {"1.1": "V"}, {"1.1.1": "V"})

    def test_a_study_larger_than_a_slice_is_gone_on_with_and_no_row_is_written_twice(self, archive: Tagged) -> None:
        keys = [archive.key("1", "1.1", f"1.1.{number}") for number in range(1, 351)]
        for key in keys:
            archive.keep("1", "1.1", key.sop_instance_uid, "V")
        archive.index_all(keys)
        rewriting = CountedRewriting(archive.table)
        slices = 0
        while archive.back_fill(rewriting=rewriting, lasting=timedelta(0)).pending:
            slices += 1
            archive.keep("1", "1.2", f"1.2.{slices}", "LATE")  # while others go on storing
            assert archive.indexer()([archive.key("1", "1.2", f"1.2.{slices}")]) == {}
            assert slices < 10
        assert slices >= 3
        assert sorted(rewriting.instances) == sorted(keys)
        of_study, of_series, of_instances = archive.values("1")
        assert (of_study, of_series) == ("LATE", {"1.1": "V", "1.2": "LATE"})
        assert set(of_instances.values()) == {"V", "LATE"}

    def test_a_study_that_moves_on_is_come_back_to_without_reading_its_metadata_again(self, archive: Tagged) -> None:
        archive.keep("1", "1.1", "1.1.1", "V")
        archive.index_all([archive.key("1", "1.1", "1.1.1")])
        study = archive.fence.read_study(StudyKey(archive.space, "1"))
        assert study is not None
        assert archive.fence.claim(study, "claim", archive.clock())
        archive.fence = fence = CountedReads(archive.table)
        assert archive.back_fill().left == ("1",)
        assert archive.back_fill().left == ("1",)
        assert fence.metadata == 1

    def test_an_outage_stops_it_at_a_study_that_is_named_and_keeps_what_is_done(self, archive: Tagged) -> None:
        for study in ("1", "2"):
            archive.keep(study, "1.1", "1.1.1", "V")
            archive.index_all([archive.key(study, "1.1", "1.1.1")])
        archive.fence = CountedReads(archive.table, most=1)
        with pytest.raises(Unavailable):
            archive.back_fill()
        assert archive.warnings == [{"space": archive.space, "study_instance_uid": "2"}]
        assert archive.registers.read_register(archive.space).last_study == "1"

    def test_an_instance_whose_metadata_is_lost_is_named_and_holds_up_nothing(self, archive: Tagged) -> None:
        lost = archive.key("1", "1.1", "1.1.1")
        archive.keep("1", "1.1", "1.1.1", "V")
        archive.keep("1", "1.1", "1.1.2", "V")
        archive.index_all([lost, archive.key("1", "1.1", "1.1.2")])
        rows = [row for row in archive.fence.read_instances(lost.study) if row.key == lost]
        row_key = to_item(metadata_row_key(rows[0]))
        client("dynamodb").delete_item(TableName=archive.table.name, Key=row_key)
        register = archive.back_fill()
        assert not register.pending
        assert register.instances_passed_over == 1
        assert [warning["sop_instance_uid"] for warning in archive.warnings] == ["1.1.1"]
        assert archive.values("1")[2] == {"1.1.1": "", "1.1.2": "V"}

    def test_a_study_that_cannot_be_read_is_named_and_the_others_are_indexed(self, archive: Tagged) -> None:
        for study in ("1", "2", "3"):
            archive.keep(study, "1.1", "1.1.1", "V")
            archive.index_all([archive.key(study, "1.1", "1.1.1")])
        broken = instance_row_key(archive.key("2", "1.1", "1.1.1"))
        row = archive.table.get(broken)
        assert row is not None
        archive.table.put_many([{**row, "attributes": b"no zlib"}])
        register = archive.back_fill()
        assert (register.failed, register.studies_done) == (("2",), 2)
        assert [warning["study_instance_uid"] for warning in archive.warnings] == ["2"]
        assert archive.values("3") == ("V", {"1.1": "V"}, {"1.1.1": "V"})
        archive.table.put_many([row])
        assert not archive.back_fill().pending
        assert archive.values("2") == ("V", {"1.1": "V"}, {"1.1.1": "V"})

    def test_a_finalizer_that_was_overtaken_does_not_undo_it(self, archive: Tagged) -> None:
        archive.keep("1", "1.1", "1.1.1", "V")
        archive.index_all([archive.key("1", "1.1", "1.1.1")])
        study = archive.fence.read_study(StudyKey(archive.space, "1"))
        assert study is not None
        assert archive.fence.claim(study, "slow", archive.clock())
        read_before = archive.fence.read_series(study.key)
        archive.finalizer()(study.key)
        archive.back_fill()
        archive.fence.note_series(study, "slow", [replace(one, metadata_key="its metadata") for one in read_before])
        assert archive.values("1") == ("V", {"1.1": "V"}, {"1.1.1": "V"})

    def test_a_study_whose_rows_are_lost_comes_back_with_what_its_revision_did_not_know(self, archive: Tagged) -> None:
        archive.keep("1", "1.1", "1.1.1", "V")
        archive.index_all([archive.key("1", "1.1", "1.1.1")])
        archive.finalize("1")
        archive.back_fill()
        study = StudyKey(archive.space, "1")
        for partition in (study_partition(study), *instance_partitions(study)):
            condition = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": partition}}}
            for row in list(archive.table.query(**condition)):
                row_key = to_item({"pk": row["pk"], "sk": row["sk"]})
                client("dynamodb").delete_item(TableName=archive.table.name, Key=row_key)
        restoration = DynamoDbStudyRestoration(archive.table, TAGS)
        restore = RestoreStudy(archive.objects, RevisionArchive(archive.objects), restoration, TAGS)
        known = DynamoDbManifestSurvey(archive.table).read(study, ())
        assert restore(StudyObjects.of(study, archive.objects.all_versions(archive.space, study.prefix)), known)
        assert archive.values("1") == ("V", {"1.1": "V"}, {"1.1.1": "V"})


def test_searches_go_on_with_what_was_read_last_while_one_of_them_reads_it_again(table, monkeypatch):
    archive, may_go_on, is_reading = Tagged(table), Event(), Event()
    monkeypatch.setattr("imaging.aws.dynamodb_query_tags._SECONDS_KEPT", -1.0)
    states = archive.states()
    before = states.read(archive.space)
    archive.back_fill()
    get = table.get

    def slow_get(row_key):
        is_reading.set()
        assert may_go_on.wait(30)
        return get(row_key)

    monkeypatch.setattr(table, "get", slow_get)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(states.read, archive.space)
        assert is_reading.wait(30)
        assert states.read(archive.space) == before
        may_go_on.set()
        assert reading.result(30).ready == TAGS


place = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2))


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    before=st.lists(place, min_size=1, max_size=4),
    meanwhile=st.lists(st.tuples(place, st.booleans()), max_size=4),
    back_fills=st.integers(1, 2),
    choices=st.lists(st.integers(0, 7), max_size=150),
    kill_at=st.frozensets(st.integers(2, 80), max_size=2),
)
def test_in_any_order_of_arrivals_finalizers_and_crashes_all_is_indexed_when_it_is_ready(
    table, before, meanwhile, back_fills, choices, kill_at
):
    archive = Tagged(table)
    for study, series, instance in before:
        uids = f"1.{study}", f"1.{study}.{series}", f"1.{study}.{series}.{instance}"
        archive.keep(*uids, "BEFORE")
        archive.index_all([archive.key(*uids)])
    archive.back_fill(settle=LONG)

    def sender(actor: Actor) -> None:
        for (study, series, instance), is_deletion in meanwhile:
            uids = f"1.{study}", f"1.{study}.{series}", f"1.{study}.{series}.{instance}"
            actor.checkpoint()
            if is_deletion:
                archive.objects.delete(archive.space, archive.key(*uids).object_key)
            else:
                archive.keep(*uids, "MEANWHILE")
            archive.indexer(actor=actor)([archive.key(*uids)])

    def finalizer(actor: Actor) -> None:
        for study in (1, 2, 1):
            try:
                archive.finalizer(actor)(StudyKey(archive.space, f"1.{study}"))
            except Unavailable:
                continue  # its queue delivers it again

    def filler(actor: Actor) -> None:
        for _ in range(3):
            try:
                archive.back_fill(actor=actor)
            except Unavailable:
                continue  # the next minute's sweeper goes on

    run_interleaved(
        [
            Actor("sender", sender),
            Actor("finalizer", finalizer),
            *(Actor(f"back-fill {n}", filler) for n in range(back_fills)),
        ],
        choices,
        kill_at,
    )
    for study in (1, 2):  # events come again, timers fall due
        keys = [archive.key(f"1.{study}", f"1.{study}.{s}", f"1.{study}.{s}.{i}") for s in (1, 2) for i in (1, 2)]
        archive.indexer()(keys)
        archive.finalizer()(keys[0].study)
    for _ in range(3):
        register = archive.back_fill()
    assert not register.pending, register
    for study in (1, 2):
        row = archive.fence.read_study(StudyKey(archive.space, f"1.{study}"))
        if row is None or not row.instances:
            continue
        assert row.state is StudyState.FINAL
        of_study, of_series, of_instances = archive.values(f"1.{study}")
        assert of_study
        assert all(of_instances.values())
        present = {uid.rpartition(".")[0] for uid in of_instances}
        assert all(of_series[uid] for uid in present)
