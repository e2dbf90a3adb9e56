"""The study timer's state machine as it is deployed, on the embedded AWS."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

import infra.constructs
from imaging.aws import clients
from imaging.aws.rows import study_row_key, timestamp, to_item
from imaging.aws.study_timer import StepFunctionsTimer
from imaging.model.completion import Due
from imaging.model.identifiers import StudyKey
from tests.manifest_table import create_manifest_table

DEFINITION = Path(infra.constructs.__file__).with_name("study_timer.asl.json")
QUIET = timedelta(seconds=300)


class Timer:
    """A timer of its own, and the queue in which it asks for revisions."""

    def __init__(self) -> None:
        clients.made.cache_clear()
        self.table, name = f"manifest-{uuid4().hex}", f"timer-{uuid4().hex}"
        create_manifest_table(self.table)
        self.queue_url = boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        definition = DEFINITION.read_text("utf-8").replace("${ManifestTable}", self.table)
        definition = definition.replace("${FinalizeQueue}", self.queue_url)
        definition = definition.replace("${QuietMilliseconds}", str(round(QUIET.total_seconds() * 1000)))
        machine = boto3.client("stepfunctions").create_state_machine(
            name=name, definition=definition, roleArn="arn:aws:iam::000000000000:role/timer"
        )
        self._timer = StepFunctionsTimer(machine["stateMachineArn"])

    def study_that_changed(self, last_change_at: datetime) -> StudyKey:
        study = StudyKey("main", f"2.25.{uuid4().int}")
        row = {**study_row_key(study), "state": "open", "last_change_at": timestamp(last_change_at)}
        boto3.client("dynamodb").put_item(TableName=self.table, Item=to_item(row))
        return study

    def arm(self, study: StudyKey, due: Due) -> None:
        self._timer.arm(study, 1, due)

    def asked_for(self, seconds: int) -> list[str]:
        """Studies whose revision was asked for within so many seconds; no more than one is waited for."""
        found = boto3.client("sqs").receive_message(QueueUrl=self.queue_url, WaitTimeSeconds=seconds)
        return [json.loads(message["Body"])["study"] for message in found.get("Messages", [])]


@pytest.fixture(scope="module")
def timer(embedded_aws: object) -> Timer:
    return Timer()


def test_it_asks_when_the_study_has_been_quiet(timer: Timer) -> None:
    now = datetime.now(UTC)
    study = timer.study_that_changed(now - QUIET)
    timer.arm(study, Due(now, None))
    assert timer.asked_for(15) == [study.study_instance_uid]


def test_it_asks_at_the_latest_moment_although_the_study_is_not_quiet(timer: Timer) -> None:
    now = datetime.now(UTC)
    study = timer.study_that_changed(now)
    latest = now + timedelta(seconds=2)
    timer.arm(study, Due(latest, latest))
    assert timer.asked_for(15) == [study.study_instance_uid]
    assert datetime.now(UTC) >= latest


def test_without_one_it_waits_for_as_long_as_the_study_changes(timer: Timer) -> None:
    now = datetime.now(UTC)
    study = timer.study_that_changed(now)
    timer.arm(study, Due(now, None))
    assert timer.asked_for(4) == []
