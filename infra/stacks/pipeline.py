"""The pipeline: from an object in a bucket to an event on the bus."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Configuration
from infra.constructs import grants
from infra.constructs.archive import Archive
from infra.constructs.listed_queue import ListedQueue
from infra.constructs.processes import Processes
from infra.constructs.schedule import call_every
from infra.constructs.study_timer import StudyTimer
from infra.constructs.work_queue import DeadLetters, WorkQueue
from infra.constructs.worker import follow_changes, work_off


@dataclass(frozen=True)
class FinalizeQueue:
    """Where studies that are due wait for `finalize_study`, as other stacks know it."""

    url: str
    arn: str


class PipelineStack(Stack):
    """`index_instance`, `store_drop`, `finalize_study` with its timer, `announce_change`, `sweep` and `reconcile`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        archive: Archive,
        *,
        index_queue: WorkQueue,
        drop_queue: WorkQueue,
        public_base_address: str,
        dependencies: Path,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        self._archive = archive
        self._processes = Processes(self, "Processes", configuration, key=archive.key, dependencies=dependencies)
        self.event_bus = events.EventBus(self, "Bus", description="What changes in the storage spaces.")
        finalize_queue = WorkQueue(self, "FinalizeStudy", archive.alarms, worker_timeout=Duration.minutes(2))
        self.finalize_queue = FinalizeQueue(
            self.export_value(finalize_queue.queue.queue_url), self.export_value(finalize_queue.queue.queue_arn)
        )
        self._timer = StudyTimer(self, "StudyTimer", configuration, archive, finalize_queue.queue)
        self.settings = {
            "SPACES": archive.spaces_setting,
            "MANIFEST_TABLE": archive.table.table_name,
            "QUIET_SECONDS": str(configuration.quiet_seconds),
            "STUDY_TIMER_ARN": self._timer.state_machine.state_machine_arn,
            "FINALIZE_QUEUE_URL": finalize_queue.queue.queue_url,
            "DROP_QUEUE_URL": drop_queue.queue.queue_url,
            "EVENT_BUS": self.event_bus.event_bus_name,
            "PUBLIC_BASE_ADDRESS": public_base_address,
            "PUBLISHES_TO_FHIR": "yes" if configuration.fhir else "no",
            "QUERY_TAGS": configuration.query_tags_setting,
            # Lambda lets no process of an earlier deployment live longer; locally all of them begin anew.
            "QUERY_TAGS_SETTLE_SECONDS": "0" if configuration.local else "900",
        }
        self._index(index_queue, configuration.index_concurrency)
        self._store_drops(drop_queue)
        self._finalize(finalize_queue, hints=configuration.finishes_on_release)
        put_aside = self._announce()
        sweep = self._sweep()
        self._reconcile(configuration.reconcile_days, drop_queue)
        self.queues = [
            ListedQueue.of("index_instance", index_queue),
            ListedQueue.of("store_drop", drop_queue),
            ListedQueue.of("finalize_study", finalize_queue),
            ListedQueue.of_dead_letters("announce_change", put_aside),
        ]

        CfnOutput(self, "EventBus", value=self.event_bus.event_bus_name)
        CfnOutput(self, "SweepFunction", value=sweep.function_name)
        CfnOutput(self, "StudyTimerArn", value=self._timer.state_machine.state_machine_arn)

    def _index(self, queue: WorkQueue, concurrency: int) -> None:
        function = self._processes.add(
            "index_instance",
            grants=[*grants.index_instance(self._archive), *grants.work_off(queue.queue)],
            environment=self._settings("SPACES", "MANIFEST_TABLE", "QUERY_TAGS"),
            timeout=queue.worker_timeout,
            memory_mib=2048,  # a header of 20 MB and its JSON
        )
        work_off(function, queue, batch_size=20, window=Duration.seconds(1), concurrency=concurrency)

    def _store_drops(self, queue: WorkQueue) -> None:
        function = self._processes.add(
            "store_drop",
            grants=[*grants.store_drop(self._archive), *grants.work_off(queue.queue)],
            environment=self._settings("SPACES"),
            timeout=queue.worker_timeout,
            memory_mib=3008,
        )
        work_off(function, queue, batch_size=5, concurrency=4)

    def _finalize(self, queue: WorkQueue, *, hints: bool) -> None:
        function = self._processes.add(
            "finalize_study",
            grants=[
                *grants.finalize_study(self._archive, self._timer.state_machine),
                *grants.work_off(queue.queue),
                *(grants.put_off(queue.queue) if hints else []),  # one may come before what it is about is indexed
            ],
            environment=self._settings(
                *("SPACES", "MANIFEST_TABLE", "QUIET_SECONDS", "STUDY_TIMER_ARN", "FINALIZE_QUEUE_URL", "QUERY_TAGS")
            ),
            timeout=queue.worker_timeout,
            memory_mib=2048,
        )
        # Few at a time: timers that fall due together queue up here.
        work_off(function, queue, batch_size=5, concurrency=4)

    def _announce(self) -> DeadLetters:
        dead_letters = DeadLetters(self, "PutAside", self._archive.alarms)
        put_aside = dead_letters.queue
        function = self._processes.add(
            "announce_change",
            grants=[
                *grants.announce_change(self._archive, self._timer.state_machine, self.event_bus.event_bus_arn),
                *grants.read_stream(self._archive),
                *grants.put_aside(put_aside),
            ],
            environment=self.settings,
            timeout=Duration.minutes(1),
            memory_mib=1024,
        )
        follow_changes(function, self._archive, put_aside)
        return dead_letters

    def _sweep(self) -> lambda_.Function:
        function = self._processes.add(
            "sweep",
            grants=grants.sweep(self._archive, self._timer.state_machine, self.event_bus.event_bus_arn),
            environment=self.settings,
            timeout=Duration.minutes(5),
            memory_mib=1024,
        )
        call_every(
            function,
            Duration.minutes(1),
            self._archive.alarms,
            name="EveryMinute",
            description="Sweeps up work that a crash or a lost event left behind.",
            failing="The sweep fails again and again; what was lost stays lost meanwhile.",
        )
        return function

    def _reconcile(self, days: int, drop_queue: WorkQueue) -> None:
        function = self._processes.add(
            "reconcile",
            grants=[*grants.reconcile(self._archive), *grants.tell_again(drop_queue.queue)],
            environment={
                **self._settings("SPACES", "MANIFEST_TABLE", "QUERY_TAGS", "DROP_QUEUE_URL"),
                "RECONCILE_DAYS": str(days),
            },
            timeout=Duration.minutes(15),
            memory_mib=2048,
        )
        call_every(
            function,
            Duration.minutes(15),
            self._archive.alarms,
            name="EveryQuarter",
            description="Tells of drops again that were left; compares buckets and manifest, a slice at a time.",
            failing="Buckets and manifest are not compared; a difference between them stays, and so do lost drops.",
        )

    def _settings(self, *names: str) -> dict[str, str]:
        return {name: self.settings[name] for name in names}
