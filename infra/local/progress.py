"""What the person at the terminal sees while something takes its time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

_EVERY_SECONDS = 10.0


class Step:
    """Something that takes its time; what it came to may replace what it was called."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._started = time.monotonic()

    def line(self) -> str:
        """The step as it stands, with how long it has taken."""
        return f"{self.text} … {time.monotonic() - self._started:.1f} s"


class Progress:
    """Shows each step as one line, ``what … 12.3 s``, that counts while the step runs.

    On a terminal the line counts in place and has colour; elsewhere it is
    printed when the step ends, and every ten seconds of a long one.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def line(self, text: str, style: str = "") -> None:
        """Show a line."""
        self._console.print(Text(text, style))

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Show that something is being done, and for how long."""
        step = Step(what)
        with self._counting_in_place(step) if self._console.is_terminal else self._counting_in_lines(step):
            yield step
        self.line(step.line())

    @contextmanager
    def _counting_in_place(self, step: Step) -> Iterator[None]:
        with Live(
            get_renderable=lambda: Text(step.line(), "dim"),
            console=self._console,
            refresh_per_second=4,
            transient=True,
        ):
            yield

    @contextmanager
    def _counting_in_lines(self, step: Step) -> Iterator[None]:
        ended = threading.Event()

        def count() -> None:
            while not ended.wait(_EVERY_SECONDS):
                self.line(step.line())

        counter = threading.Thread(target=count, daemon=True)
        counter.start()
        try:
            yield
        finally:
            ended.set()
            counter.join()
