"""A deployment with a space of its own: its processes as `functions` have them, composed anew for every invocation.

What AWS does between them is done here, a step at a time: S3's events are what
versions the bucket has got, stream records are the table's own, timers those
that Step Functions took. Messages stay until the process has answered for them.
"""

import inspect
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from functions.announce_change import handler as announce_change
from functions.finalize_study import handler as finalize_study
from functions.index_instance import handler as index_instance
from functions.reconcile import handler as reconcile
from functions.sweep import handler as sweep
from imaging import bootstrap
from imaging.aws.clients import client
from imaging.errors import Unavailable
from imaging.model.instance import Door
from imaging.model.reconciliation import Phase
from tests.faults.injected_faults import Fault, Faults, Killed
from tests.manifest_table import create_manifest_table

ROUNDS = 60
"""Of deliveries, after which what has not come to rest never will."""

QUIET = timedelta(seconds=5)
CLOCKS = ("store", "delete", "index", "announce", "finalize", "sweep", "reconcile")


class Context:
    """What Lambda tells of an invocation."""

    function_name = "process"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:process"
    aws_request_id = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Clock:
    """A clock that moves whenever it is read, so that no two moments are the same."""

    def __init__(self) -> None:
        self._ticks = count()
        self.skipped = timedelta(0)

    def __call__(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + self.skipped + timedelta(milliseconds=next(self._ticks))


@dataclass(frozen=True)
class Timer:
    """An execution that Step Functions took."""

    due: datetime
    study: str


@dataclass
class Told:
    """What EventBridge and Step Functions have taken."""

    events: list[dict[str, Any]] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)

    def note(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        if model.name == "PutEvents":
            asked = context["asked"]["Entries"]
            for entry, answer in zip(asked, parsed.get("Entries", []), strict=True):
                assert "EventId" in answer
                self.events.append({"type": entry["DetailType"], **json.loads(entry["Detail"])})
        elif model.name == "StartExecution" and ("executionArn" in parsed or context["fault"] is Fault.SENT_TWICE):
            started = json.loads(context["asked"]["input"])
            self.timers.append(Timer(datetime.fromisoformat(started["due"]), started["study"]))


class Deployment:
    """One space, its table, its bus, and the processes around them.

    Parameters
    ----------
    faults
        Strike the processes, and nothing that the test itself asks of AWS.
    skew
        How far the clock of a process is off, by its name.
    mixes
        Deliver in another order, some twice, and some once more long after, as this chooses.
    loses_stream, loses_s3_events
        None of them ever arrives.

    Attributes
    ----------
    listened_to
        The prefix of the keys whose events are delivered; a listing of many studies takes long.
    """

    def __init__(
        self,
        faults: Faults,
        *,
        skew: dict[str, timedelta] | None = None,
        mixes: random.Random | None = None,
        loses_stream: bool = False,
        loses_s3_events: bool = False,
    ) -> None:
        name = f"faults-{uuid4().hex[:16]}"
        self.space, self.table, self.bucket = name, name, name
        self.faults = faults
        self.clock = Clock()
        self.told = Told()
        self.unforeseen: list[dict[str, Any]] = []
        self.listened_to = "studies/"
        self._skew = skew or {}
        self._mixes = mixes
        self._loses_stream, self.loses_s3_events = loses_stream, loses_s3_events
        self._delivered: list[dict[str, Any]] = []
        self._handed_out: list[dict[str, Any]] = []
        client("s3").create_bucket(Bucket=name)
        client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        create_manifest_table(name)
        client("events").create_event_bus(Name=name)
        timer = client("stepfunctions").create_state_machine(
            name=name,
            roleArn="arn:aws:iam::000000000000:role/timer",
            definition=json.dumps({"StartAt": "Due", "States": {"Due": {"Type": "Succeed"}}}),
        )
        self.environment = {
            "SPACES": json.dumps([{"name": name, "bucket": name, "ae_title": "MAIN"}]),
            "MANIFEST_TABLE": name,
            "EVENT_BUS": name,
            "STUDY_TIMER_ARN": timer["stateMachineArn"],
            "DROP_QUEUE_URL": client("sqs").create_queue(QueueName=name)["QueueUrl"],
            "PUBLIC_BASE_ADDRESS": "https://imaging.example.org",
            "QUIET_SECONDS": str(QUIET.total_seconds()),
            "RECONCILE_DAYS": "0.01",
        }
        self._bucket_may_differ = False
        self._seen_versions: set[tuple[str, str]] = set()
        self._s3_events: list[dict[str, Any]] = []
        self._stream: list[dict[str, Any]] = []
        self._iterator = self._stream_iterator()

    # -- what clients do ---------------------------------------------------------------------------------------

    def store(self, part10: bytes) -> None:
        """Store until it is acknowledged, as a sender does."""

        def send() -> bool:
            bootstrap.store_instance(os.environ)(self.space, part10, door=Door.STOW_RS)
            return True

        self._until_acknowledged("store", send)

    def delete(self, path: str) -> None:
        """DELETE until it is acknowledged; what is gone already is no failure."""

        def send() -> bool:
            answer = bootstrap.delete_instances(os.environ)(f"/spaces/{self.space}/{path}")
            assert answer.status in {204, 404, 503}, answer.body
            return answer.status != 503

        self._until_acknowledged("delete", send)

    def _until_acknowledged(self, clock: str, send: Callable[[], bool]) -> None:
        for _ in range(ROUNDS):
            try:
                with self._process(clock):
                    if send():
                        return
            except (Killed, Unavailable):
                continue
        raise AssertionError("A client gets no answer.")

    # -- what AWS does -----------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Deliver all there is, again and again what is not acknowledged, and let timers fall due."""
        for _ in range(ROUNDS):
            self._collect()
            if self._s3_events:
                self._deliver_s3_events()
            elif self._stream:
                self._deliver_stream()
            elif self.told.timers:
                self._deliver_timer()
            else:
                return
        raise AssertionError(f"It never comes to rest: {self._s3_events} {self._stream} {self.told.timers}")

    def sweep(self) -> None:
        """The sweeper an hour later, and what it sets off."""
        self.clock.skipped += timedelta(hours=1)
        self._invoke(sweep, "sweep", {})
        self.come_to_rest()

    def reconcile(self) -> None:
        """A whole pass, slice by slice."""
        for _ in range(ROUNDS):
            self.clock.skipped += timedelta(hours=1)
            worked = self._invoke(reconcile, "reconcile", {})
            if worked and worked[self.space]["phase"] == Phase.DONE.value:
                return
        raise AssertionError("Reconciling never comes to its end.")

    def pending(self) -> list[dict[str, Any]]:
        """The rows that still bear a mark of work left."""
        found: list[dict[str, Any]] = client("dynamodb").scan(TableName=self.table, IndexName="pending")["Items"]
        return found

    def fall_due_again(self, study: str) -> None:
        """Let a study's timer fall due, which has done so before."""
        self.told.timers.append(Timer(self.clock(), study))

    def _deliver_s3_events(self) -> None:
        batch = self._mixed(self._s3_events)[:10]
        answer = self._invoke(index_instance, "index", {"Records": batch})
        failed = _failed(answer, batch, "messageId")
        for message in batch:
            if message["messageId"] not in failed and message in self._s3_events:
                self._s3_events.remove(message)

    def _deliver_stream(self) -> None:
        """In order; a failure comes again from its record on."""
        batch = self._stream[:100]
        records = [{"dynamodb": record["dynamodb"]} for record in batch]
        answer = self._invoke(announce_change, "announce", {"Records": records})
        failed = _failed(answer, [record["dynamodb"] for record in batch], "SequenceNumber")
        first = next((place for place, one in enumerate(batch) if one["dynamodb"]["SequenceNumber"] in failed), None)
        del self._stream[: len(batch) if first is None else first]

    def _deliver_timer(self) -> None:
        timer = min(self.told.timers, key=lambda timer: timer.due)
        self.clock.skipped += max(timer.due - self.clock(), timedelta(0))
        body = json.dumps({"space": self.space, "study": timer.study})
        record = {"messageId": "1", "body": body, "eventSource": "aws:sqs", "attributes": {}, "receiptHandle": "1"}
        answer = self._invoke(finalize_study, "finalize", {"Records": [record]})
        if not _failed(answer, [record], "messageId"):
            self.told.timers.remove(timer)

    def _invoke(self, handler: ModuleType, clock: str, event: dict[str, Any]) -> dict[str, Any] | None:
        """What the function answers; None if it was killed."""
        for composed in vars(handler).values():
            if hasattr(composed, "cache_clear"):
                composed.cache_clear()
        handle = inspect.unwrap(handler.lambda_handler)  # without Powertools' lines on stdout
        try:
            with self._process(clock), pytest.MonkeyPatch.context() as patch:
                patch.setattr(handler.metrics, "add_metric", lambda *_, **__: None)
                patch.setattr(handler.logger, "error", lambda *_, **extra: self.unforeseen.append(extra))
                answer: dict[str, Any] = handle(event, Context())
                return answer
        except Killed:
            return None

    @contextmanager
    def _process(self, clock: str) -> Iterator[None]:
        off = self._skew.get(clock, timedelta(0))
        with ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(bootstrap, "now", lambda: self.clock() + off)
            events = [client(service).meta.events for service in ("events", "stepfunctions")]
            for each in events:
                each.register("after-call", self.told.note)
                stack.callback(each.unregister, "after-call", self.told.note)
            stack.enter_context(self.faults.process())
            self._bucket_may_differ |= clock not in {"index", "announce"}  # who writes no instances and deletes none
            yield

    def _collect(self) -> None:
        """New versions of objects are S3's events; new records are the stream's."""
        if self._bucket_may_differ and not self.loses_s3_events:
            self._collect_s3_events()
            self._bucket_may_differ = False
        answer = client_of_streams().get_records(ShardIterator=self._iterator)
        self._iterator = answer["NextShardIterator"]
        if self._loses_stream or not answer["Records"]:
            return
        self._stream += answer["Records"]
        if self._mixes:
            self._stream += self._mixes.sample(self._stream, len(self._stream) // 2)
            self._stream += self._mixes.sample(self._delivered, min(5, len(self._delivered)))
            self._delivered += answer["Records"]
            self._mixes.shuffle(self._stream)

    def _collect_s3_events(self) -> None:
        s3 = client("s3")
        listed = s3.list_object_versions(Bucket=self.bucket, Prefix=self.listened_to)
        assert not listed["IsTruncated"]
        created = [(one, "ObjectCreated:Put") for one in listed.get("Versions", [])]
        removed = [(one, "ObjectRemoved:DeleteMarkerCreated") for one in listed.get("DeleteMarkers", [])]
        for version, name in [*created, *removed]:
            seen = (version["Key"], version["VersionId"])
            if seen in self._seen_versions or "/instances/" not in version["Key"]:
                continue
            self._seen_versions.add(seen)
            about = {"bucket": {"name": self.bucket}, "object": {"key": version["Key"], "versionId": seen[1]}}
            body = json.dumps({"Records": [{"eventName": name, "s3": about}]})
            message = {"messageId": uuid4().hex, "body": body}
            self._s3_events.append(message)
            if self._mixes:
                self._handed_out.append(message)
                again = self._mixes.sample(self._handed_out, min(2, len(self._handed_out)))
                self._s3_events += [{**old, "messageId": uuid4().hex} for old in again]

    def _mixed(self, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return self._mixes.sample(messages, len(messages)) if self._mixes else list(messages)

    def _stream_iterator(self) -> str:
        streams = client_of_streams()
        (stream,) = streams.list_streams(TableName=self.table)["Streams"]
        (shard,) = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        return streams.get_shard_iterator(
            StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]


def client_of_streams() -> Any:
    return client("dynamodbstreams")


def _failed(answer: dict[str, Any] | None, batch: Sequence[dict[str, Any]], name: str) -> set[str]:
    if answer is None:
        return {message[name] for message in batch}
    return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
