"""What is stored becomes searchable by a query tag that is configured later, whatever happens meanwhile."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from itertools import count
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
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import instance_partitions, study_partition, to_item
from imaging.dicom.attributes import text
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.study import StudyState
from imaging.pipeline.back_fill import BackFill, Stores
from imaging.pipeline.compare_study import CompareStudy
from imaging.pipeline.finalize_study import FinalizeStudy
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.restore_study import RestoreStudy
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.pipeline.series_metadata import SeriesMetadata
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
        self.fence = DynamoDbStudyFence(table)

    def states(self, tags: Sequence[QueryTag] = TAGS) -> DynamoDbQueryTagStates:
        return DynamoDbQueryTagStates(self.table, tags)

    def back_fill(
        self,
        tags: Sequence[QueryTag] = TAGS,
        actor: Actor | None = None,
        *,
        settle: timedelta = timedelta(0),
        lasting: timedelta = LONG,
    ) -> TagRegister:
        back_fill = BackFill(
            Stores(
                _of(actor, self.objects),
                _of(actor, self.objects),
                _of(actor, self.fence),
                _of(actor, DynamoDbStudyRestoration(self.table, tags)),
            ),
            _of(actor, self.registers),
            _of(actor, DynamoDbAttributeRewriting(self.table)),
            tags,
            settle=settle,
            clock=self.clock,
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
        percents = [archive.back_fill(lasting=timedelta(seconds=5)).percent for _ in range(12)]
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
        assert archive.fence.claim(study, "claim")
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
        restore = RestoreStudy(archive.objects, RevisionArchive(archive.objects), archive.fence, restoration, TAGS)
        assert restore(study, archive.objects.keys(archive.space, study.prefix))
        assert archive.values("1") == ("V", {"1.1": "V"}, {"1.1.1": "V"})


place = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2))


@settings(
    max_examples=40,
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
