"""Dead letters get another try; those that only name positions in the manifest's stream have had it."""

import json
from datetime import datetime

from imaging.model.queues import Queue, QueueKind, last_record_of
from imaging.ports.marks import Marks, untold_before
from imaging.ports.queues import DeadLetter, DeadLetters, Progress


class RedriveLetters:
    """Moves letters back to the queue they are for.

    What the stream could not be told has no queue: the sweep tells it, by the
    marks on the rows themselves. Its letters are removed when no mark of their
    time is left.
    """

    def __init__(self, letters: DeadLetters, marks: Marks) -> None:
        self._letters = letters
        self._marks = marks

    def __call__(self, queue: Queue, sent_before: datetime | None, progress: Progress) -> int:
        """Redrive all letters, or those sent before that moment; how many."""
        if queue.kind is not QueueKind.ANNOUNCE_CHANGE:
            return self._letters.redrive(queue, sent_before, progress)

        def has_been_told(letter: DeadLetter) -> bool:
            if sent_before is not None and letter.sent_at >= sent_before:
                return False
            try:
                moment = last_record_of(json.loads(letter.body))
            except (KeyError, TypeError, ValueError):
                return False  # nobody of ours put it there: `explain` says so
            return not untold_before(self._marks, moment)

        return self._letters.remove(queue, has_been_told, progress)
