"""Explain dead letters: each by what its stage would find now."""

import json
from collections.abc import Mapping
from typing import Any

from imaging.model.queues import Queue, QueueKind
from imaging.ports.queues import DeadLetter, DeadLetters
from imaging.reading.explain_arrival import ExplainArrival
from imaging.reading.explain_delivery import ExplainDelivery
from imaging.reading.explain_study import ExplainStudy
from imaging.reading.explanation import Cause, ExplainedLetter, Explanation, not_ours

_NOT_PUT = "ERROR_CODE"  # an attribute that EventBridge gives what it could not put into the queue itself


class ExplainLetters:
    """Reads letters, leaves them where they are, and says what can be said without trying again."""

    def __init__(
        self, letters: DeadLetters, arrival: ExplainArrival, study: ExplainStudy, delivery: ExplainDelivery
    ) -> None:
        self._letters = letters
        self._arrival = arrival
        self._study = study
        self._delivery = delivery

    def __call__(self, queue: Queue, at_most: int) -> list[ExplainedLetter]:
        """Explain up to so many letters, the oldest first."""
        return [
            ExplainedLetter(letter.sent_at, letter.tries, tuple(self._explain(queue, letter)))
            for letter in self._letters.peek(queue, at_most)
        ]

    def _explain(self, queue: Queue, letter: DeadLetter) -> list[Explanation]:
        try:
            body = json.loads(letter.body)
        except ValueError:
            return [not_ours(queue.kind, "is not JSON")]
        if not isinstance(body, Mapping):
            return [not_ours(queue.kind, "is no JSON object")]
        try:
            explained = self._of_kind(queue, body)
        except (KeyError, TypeError, ValueError, AttributeError):
            return [not_ours(queue.kind, "lacks what its stage needs")]
        if _NOT_PUT in letter.attributes:
            return [_not_put(each) for each in explained]
        return explained

    def _of_kind(self, queue: Queue, body: Mapping[str, Any]) -> list[Explanation]:
        match queue.kind:
            case QueueKind.INDEX_INSTANCE | QueueKind.STORE_DROP:
                return self._arrival(queue.kind, body)
            case QueueKind.FINALIZE_STUDY:
                return [self._study.finalize(body)]
            case QueueKind.PUBLISH_STUDY:
                return [self._study.publish(body)]
            case QueueKind.ANNOUNCE_CHANGE:
                return [self._study.announce(body)]
            case QueueKind.DELIVER:
                return [self._delivery(queue.name, body)]


def _not_put(explained: Explanation) -> Explanation:
    """EventBridge never got it into the queue: nobody has tried it."""
    if explained.cause is Cause.DONE_SINCE:
        return explained
    why = "EventBridge could not put the event into the queue, so nobody has tried it."
    mend = "Look whether the queue is there and lets EventBridge send; then redrive."
    return Explanation(explained.work, explained.about, Cause.NOT_DONE, why, mend)
