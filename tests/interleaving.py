"""Runs actors one call at a time, in an order that the test chooses, and kills some of them.

Each actor is a thread that stops before every call of a port. The choices are
drawn beforehand (by hypothesis), so that a failing order can be run again.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

WAIT_SECONDS = 60


class Killed(BaseException):
    """The process died here: nothing after this call happened, nothing catches it."""


class Actor(threading.Thread):
    """One process: it takes a step whenever it is its turn."""

    def __init__(self, name: str, act: Callable[["Actor"], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._act = act
        self._turn = threading.Semaphore(0)
        self.stopped = threading.Semaphore(0)
        self.finished = False
        self.failure: BaseException | None = None
        self.kill = False
        self.steps = 0

    def run(self) -> None:
        self._await_turn()
        try:
            self._act(self)
        except Killed:
            pass
        except BaseException as failure:
            self.failure = failure
        self.finished = True
        self.stopped.release()

    def checkpoint(self) -> None:
        """Give the turn back and wait for the next one; called from the actor's port."""
        self.stopped.release()
        self._await_turn()

    def step(self) -> None:
        """Let the actor run to its next checkpoint; called by the scheduler."""
        self.steps += 1
        self._turn.release()
        assert self.stopped.acquire(timeout=WAIT_SECONDS), f"{self.name} hangs"

    def _await_turn(self) -> None:
        assert self._turn.acquire(timeout=WAIT_SECONDS)
        if self.kill:
            raise Killed


class Stepwise:
    """A port that asks its actor for a turn before every call."""

    def __init__(self, port: object, actor: Actor) -> None:
        self._port = port
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            self._actor.checkpoint()
            result = method(*arguments, **named)
            return list(result) if isinstance(result, Iterator) else result

        return call


def run_interleaved(actors: Sequence[Actor], choices: Sequence[int], kill_at: frozenset[int]) -> None:
    """Run all actors to their end.

    Parameters
    ----------
    choices
        At step n the actor at `choices[n]` (modulo those still alive) goes on;
        when the choices are used up, one after the other.
    kill_at
        The steps at which the chosen actor dies instead.
    """
    for actor in actors:
        actor.start()
    step = 0
    while alive := [actor for actor in actors if not actor.finished]:
        chosen = alive[(choices[step] if step < len(choices) else step) % len(alive)]
        chosen.kill = step in kill_at and chosen.steps > 0
        chosen.step()
        step += 1
    for actor in actors:
        actor.join(WAIT_SECONDS)
        if actor.failure:
            raise actor.failure
