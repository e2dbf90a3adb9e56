"""Say that an association was released which stored something: its studies may be complete."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from imaging.model.identifiers import StudyKey
from imaging.ports.outside import FinalizerQueue
from imaging.settings import Space


class HintRelease:
    """Tells the finalizer, for the spaces that ask for it.

    It is a hint: who loses it waits for the quiet period.
    """

    def __init__(self, queue: FinalizerQueue, spaces: Mapping[str, Space], clock: Callable[[], datetime]) -> None:
        self._queue = queue
        self._spaces = spaces
        self._clock = clock

    def __call__(self, studies: Collection[StudyKey]) -> None:
        """Say so of the studies that an association stored something of, when it has just been released.

        Raises
        ------
        Unavailable
            The queue did not take all of it.
        """
        released_at = self._clock()
        asked_for = [study for study in sorted(studies) if self._spaces[study.space].finishes_on_release]
        if asked_for:
            self._queue.released(asked_for, released_at)
