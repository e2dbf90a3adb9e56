"""The queue of publishing, as those who ask for it once more know it."""

import json
from collections.abc import Sequence

from imaging.aws.clients import client, ours_to_retry
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey

_AT_ONCE = 10  # SendMessageBatch


class SqsPublishQueue:
    """`imaging.ports.publication.PublishQueue` on SQS: messages with what publishing reads of the bus's events."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def send(self, revisions: Sequence[tuple[StudyKey, int]]) -> None:
        """Ask for these revisions."""
        for start in range(0, len(revisions), _AT_ONCE):
            entries = [
                {"Id": str(place), "MessageBody": json.dumps(_message(study, number))}
                for place, (study, number) in enumerate(revisions[start : start + _AT_ONCE])
            ]
            with ours_to_retry("sending to the queue of publish_study"):
                answer = client("sqs").send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if answer.get("Failed"):
                raise Unavailable("SQS did not take every message; they are sent again.")


def _message(study: StudyKey, number: int) -> dict[str, dict[str, object]]:
    return {"detail": {"space": study.space, "study": study.study_instance_uid, "revision": number}}
