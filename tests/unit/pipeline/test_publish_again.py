"""Studies are asked for once more: one, those that failed, or all."""

import json
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import boto3
import pytest

from imaging.aws.publish_queue import SqsPublishQueue
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from imaging.pipeline.publish_again import AskedFor, PublishAgain
from tests.fakes import START


class World:
    """Studies at a revision each, and entries; notes what is sent."""

    def __init__(self, studies: int) -> None:
        self.revisions = {StudyKey("main", f"1.2.{number:04}"): number % 3 for number in range(studies)}
        self.entries: list[FhirError] = []
        self.sent: list[list[tuple[StudyKey, int]]] = []
        self.again = PublishAgain(self, self, self, self)

    def read_study(self, study):
        revision = self.revisions.get(study)
        return None if revision is None else SimpleNamespace(key=study, revision=revision)

    def studies(self, space, after=""):
        return [study.study_instance_uid for study in self.revisions if study.study_instance_uid > after]

    def read_errors(self, space, kind, *, after, limit):
        of_kind = [each for each in self.entries if (each.study.space, each.kind) == (space, kind)]
        newest_first = sorted(of_kind, key=lambda each: each.time, reverse=True)
        first = int(after or 0)
        return newest_first[first : first + 2], str(first + 2) if len(newest_first) > first + 2 else ""

    def send(self, revisions):
        self.sent.append(list(revisions))

    def fail(self, study: StudyKey, kind: ErrorKind, minutes: int) -> None:
        time = START + timedelta(minutes=minutes)
        self.entries.append(FhirError(study, 1, kind, "It failed.", 1, time))


def test_a_study_is_asked_for_at_its_latest_revision():
    world = World(3)
    study = StudyKey("main", "1.2.0002")
    assert world.again.study(study).studies == 1
    assert world.sent == [[(study, 2)]]


@pytest.mark.parametrize("uid", ["1.2.0000", "9"])
def test_a_study_without_a_revision_cannot_be_asked_for(uid):
    with pytest.raises(Rejected, match=r"when there is one, it is published\.") as refused:
        World(3).again.study(StudyKey("main", uid))
    assert refused.value.reason is RejectReason.NO_SUCH_RESOURCE


def test_what_failed_is_asked_for_in_the_order_in_which_it_failed():
    world = World(9)
    studies = list(world.revisions)
    for minutes, study in enumerate(reversed(studies)):
        world.fail(study, (ErrorKind.FHIR_REFUSED, ErrorKind.NOT_PUBLISHED, ErrorKind.RETRYING)[minutes % 3], minutes)
    world.fail(StudyKey("main", "lost"), ErrorKind.FHIR_REFUSED, 100)

    asked = world.again.failed("main", [ErrorKind.NOT_PUBLISHED, ErrorKind.FHIR_REFUSED])

    wanted = [study for place, study in enumerate(reversed(studies)) if place % 3 < 2]
    ((*sent,),) = world.sent
    assert [study for study, _ in sent] == [study for study in wanted if world.revisions[study]]
    assert (asked.studies, asked.without_revision) == (len(sent), len(wanted) + 1 - len(sent))


def test_a_whole_space_is_asked_for_piece_by_piece_and_can_be_gone_on_with():
    world, told = World(250), []
    asked = world.again.everything("main", after="1.2.0009", progress=told.append)
    sent = [revision for part in world.sent for revision in part]
    assert sent == [(study, number) for study, number in list(world.revisions.items())[10:] if number]
    assert told[-1] == asked == AskedFor(len(sent), 240 - len(sent), "1.2.0249")
    assert [each.cursor for each in told] == ["1.2.0109", "1.2.0209", "1.2.0249"]


def test_messages_have_what_publishing_reads_of_an_event(embedded_aws):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=uuid4().hex)["QueueUrl"]
    SqsPublishQueue(url).send([(StudyKey("main", f"1.2.{number}"), number) for number in range(12)])
    details = [
        json.loads(message["Body"])["detail"]
        for _ in range(2)
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    ]
    assert sorted(details, key=lambda detail: detail["revision"]) == [
        {"space": "main", "study": f"1.2.{number}", "revision": number} for number in range(12)
    ]
    with pytest.raises(Unavailable):
        SqsPublishQueue(f"{url}-gone").send([(StudyKey("main", "1.2"), 1)])
