"""Looking again a few times at what others write to at the same time."""

import random
from collections.abc import Callable, Iterator

ROUNDS = 3
_FIRST_WAIT_SECONDS = 0.1


class Rounds:
    """Goes round until what is done in it breaks out; those who met once wait unequally long before they meet again."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep

    def __iter__(self) -> Iterator[int]:
        for played in range(ROUNDS):
            if played:
                self._sleep(_FIRST_WAIT_SECONDS * 2**played * random.uniform(0.5, 1.5))
            yield played
