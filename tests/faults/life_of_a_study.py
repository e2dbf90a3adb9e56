"""What becomes of a study from its first instance to its last and again, and what must hold whatever struck meanwhile.

Every act begins and ends at rest, so that each knows exactly which revision,
events and rows it must have made.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

from imaging.aws.clients import client
from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_feed_source import DynamoDbFeedSource
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.s3_objects import S3Objects
from imaging.model.feed import SpaceTotals
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action
from imaging.model.revision import Revision
from imaging.model.revision_document import unzipped
from imaging.model.study import StudyState
from imaging.pipeline.revision_archive import revision_key
from imaging.reading.read_feed import ChangeState, FeedQuery, ReadFeed
from tests.faults.deployment import Deployment
from tests.instances import part10_instance

SWEEPS = 6
"""After which nothing may be pending, two processes killed meanwhile."""

_EVENTS = {Action.CREATE: "Instance Stored", Action.UPDATE: "Instance Stored", Action.DELETE: "Instance Deleted"}


@dataclass
class Held:
    """An instance as it must be now: how often it changed, and its bytes unless it is deleted."""

    change_number: int = 0
    content: bytes | None = None


@dataclass
class Expected:
    """What an act must have told: instances by the end of their UID."""

    additions: set[str] = field(default_factory=set)
    modifications: set[str] = field(default_factory=set)
    deletions: set[str] = field(default_factory=set)
    events: set[tuple[str, str, int]] = field(default_factory=set)


class LifeOfAStudy:
    """Two instances of one series that come, are replaced, go and come again."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.study = StudyKey(deployment.space, f"1.2.{uuid4().int}")
        self.instances = {name: Held() for name in ("1", "2")}
        self.revision = 0
        deployment.listened_to = f"{self.study.prefix}series/"
        self.untold = Expected()
        table = ManifestTable(deployment.table)
        self._fence = DynamoDbStudyFence(table)
        self._source = DynamoDbFeedSource(table)
        self._feed = ReadFeed(self._source, DynamoDbCatalogue(table), S3Objects({}))
        head = self._source.head(deployment.space)
        self._told_before, self._held_before = (head.last, head.totals) if head else (0, SpaceTotals())
        self._told: list[tuple[str, str, int]] = []
        self._revised: set[tuple[str, int]] = set()

    def acts(self) -> Iterator[Callable[[], None]]:
        """In turn; each to be followed by `check`."""
        yield from (self.is_created, self.is_replaced_and_deleted, self.is_deleted_whole, self.is_created_again)

    def is_created(self) -> None:
        self.store("1", "first")
        self.store("2", "first")
        self.come_to_rest()

    def is_replaced_and_deleted(self) -> None:
        self.store("1", "second")
        self.delete("2")
        self.come_to_rest()

    def is_deleted_whole(self) -> None:
        self.deployment.delete(f"studies/{self.study.study_instance_uid}")
        self._note_deleted("1")
        self.come_to_rest()

    def is_created_again(self) -> None:
        self.store("2", "third")
        self.come_to_rest()

    def come_to_rest(self) -> None:
        """Everything is delivered, the timer falls due once more, and the sweeper takes up what was left."""
        if self.deployment.loses_s3_events:
            self.deployment.reconcile()
        self.deployment.come_to_rest()
        self.deployment.fall_due_again(self.study.study_instance_uid)
        self.deployment.come_to_rest()
        for _ in range(SWEEPS):
            if not self.deployment.pending():
                return
            self.deployment.sweep()
        raise AssertionError(f"Something stays pending: {self.deployment.pending()}")

    def store(self, name: str, content: str) -> None:
        held = self.instances[name]
        part10 = part10_instance(self.key(name), PatientComments=content)
        self.deployment.store(part10)
        (self.untold.additions if held.content is None else self.untold.modifications).add(name)
        held.content, held.change_number = part10, held.change_number + 1
        self.untold.events.add(("Instance Stored", name, held.change_number))

    def delete(self, name: str) -> None:
        key = self.key(name)
        self.deployment.delete(
            f"studies/{key.study_instance_uid}/series/{key.series_instance_uid}/instances/{key.sop_instance_uid}"
        )
        self._note_deleted(name)

    def _note_deleted(self, name: str) -> None:
        held = self.instances[name]
        held.content, held.change_number = None, held.change_number + 1
        self.untold.deletions.add(name)
        self.untold.events.add(("Instance Deleted", name, held.change_number))

    def key(self, name: str) -> InstanceKey:
        study = self.study.study_instance_uid
        return InstanceKey(self.study.space, study, f"{study}.1", f"{study}.1.{name}")

    def check(self) -> None:
        """One further revision with just what the act did, told at least once and nothing else; bytes as sent."""
        self.revision += 1
        self._check_revision()
        self._check_events()
        self._check_feed()
        self._check_rows()
        self._check_objects()
        assert self.deployment.unforeseen == []
        self.untold = Expected()

    def _check_revision(self) -> None:
        revision = self._read_revision(self.revision)
        assert (revision.number, revision.study) == (self.revision, self.study)
        told = {
            "additions": {self._name(change.sop_instance_uid) for change in revision.additions},
            "modifications": {self._name(change.sop_instance_uid) for change in revision.modifications},
            "deletions": {self._name(change.sop_instance_uid) for change in revision.deletions},
        }
        assert told == {name: getattr(self.untold, name) for name in told}
        held = {
            self._name(instance.sop_instance_uid): instance
            for series in revision.series
            for instance in series.instances
        }
        assert held.keys() == {name for name, one in self.instances.items() if one.content is not None}
        for name, instance in held.items():
            assert instance.change_number == self.instances[name].change_number
            answer = client("s3").get_object(
                Bucket=self.deployment.bucket, Key=self.key(name).object_key, VersionId=instance.version_id
            )
            assert answer["Body"].read() == self.instances[name].content

    def _read_revision(self, number: int) -> Revision:
        found = client("s3").get_object(Bucket=self.deployment.bucket, Key=revision_key(self.study, number))
        return unzipped(found["Body"].read())

    def _check_events(self) -> None:
        of_study = [event for event in self.deployment.told.events if event["study"] == self.study.study_instance_uid]
        instances = {
            (event["type"], self._name(event["instance"]), event["change_number"])
            for event in of_study
            if "instance" in event
        }
        assert self.untold.events <= instances <= self.untold.events | set(self._told), "at least once, repeats allowed"
        is_empty = all(held.content is None for held in self.instances.values())
        self._revised.add(("Study Deleted" if is_empty else "Study Revised", self.revision))
        revisions = {(event["type"], event["revision"]) for event in of_study if "revision" in event}
        assert revisions <= self._revised
        assert self.revision in {number for _, number in revisions}
        self.deployment.told.events.clear()

    def _check_feed(self) -> None:
        """Gap-free, each change once, those of an instance in order, its times never going back."""
        page = self._feed.page(FeedQuery(self.study.space, offset=self._told_before, limit=200))
        assert [row.change.sequence for row in page.rows] == [
            self._told_before + place for place in range(1, len(page.rows) + 1)
        ]
        told = [
            (_EVENTS[row.change.action], self._name(row.change.key.sop_instance_uid), row.change.change_number)
            for row in page.rows
        ]
        assert told[: len(self._told)] == self._told, "what was told changes"
        added = told[len(self._told) :]
        assert sorted(added) == sorted(self.untold.events), "each once"
        for name in self.instances:
            numbers = [number for _, of, number in told if of == name]
            assert numbers == list(range(1, len(numbers) + 1)), "in order"
        self._told = told
        for row in page.rows:
            held = self.instances[self._name(row.change.key.sop_instance_uid)]
            is_last = row.change.change_number == held.change_number
            state = ChangeState.CURRENT if is_last else ChangeState.REPLACED
            assert row.state is (state if held.content else ChangeState.DELETED)
        times = [row.change.told_at for row in page.rows]
        assert times == sorted(times)
        head = self._source.head(self.study.space)
        assert head is not None
        contents = [held.content for held in self.instances.values() if held.content]
        assert head.totals == SpaceTotals(
            studies=self._held_before.studies + bool(contents),
            series=self._held_before.series + bool(contents),
            instances=self._held_before.instances + len(contents),
            bytes=self._held_before.bytes + sum(map(len, contents)),
        )

    def _check_rows(self) -> None:
        study = self._fence.read_study(self.study)
        assert study is not None
        assert (study.state, study.revision) == (StudyState.FINAL, self.revision)
        rows = {self._name(row.key.sop_instance_uid): row for row in self._fence.read_instances(self.study)}
        for name, held in self.instances.items():
            if held.change_number:
                assert (rows[name].change_number, rows[name].deleted) == (held.change_number, held.content is None)
        assert study.changes == sum(held.change_number for held in self.instances.values())
        assert study.instances == sum(held.content is not None for held in self.instances.values())

    def _check_objects(self) -> None:
        prefix = f"{self.study.prefix}series/"
        listed = client("s3").list_objects_v2(Bucket=self.deployment.bucket, Prefix=prefix).get("Contents", [])
        present = {entry["Key"] for entry in listed if "/instances/" in entry["Key"]}
        assert present == {self.key(name).object_key for name, held in self.instances.items() if held.content}

    def _name(self, sop_instance_uid: str) -> str:
        return sop_instance_uid.rpartition(".")[2]
