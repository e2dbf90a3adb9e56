"""The finalizer's queue, as those who give it hints know it."""

import json
from collections.abc import Sequence
from datetime import datetime

from imaging.aws.clients import client, ours_to_retry
from imaging.errors import Unavailable
from imaging.model.completion import SETTLE
from imaging.model.identifiers import StudyKey

_AT_ONCE = 10  # SendMessageBatch


class SqsFinalizerQueue:
    """`imaging.ports.outside.FinalizerQueue` on SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def released(self, studies: Sequence[StudyKey], at: datetime) -> None:
        """Tell the finalizer, when what was stored has had the time to be indexed."""
        for start in range(0, len(studies), _AT_ONCE):
            entries = [
                {
                    "Id": str(place),
                    "MessageBody": json.dumps(
                        {"space": study.space, "study": study.study_instance_uid, "released_at": at.isoformat()}
                    ),
                    "DelaySeconds": round(SETTLE.total_seconds()),
                }
                for place, study in enumerate(studies[start : start + _AT_ONCE])
            ]
            with ours_to_retry("telling the finalizer of a released association"):
                answer = client("sqs").send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if answer.get("Failed"):
                raise Unavailable("SQS did not take every hint to the finalizer.")
