"""Signals that are waited for, beside files, in the main thread; no code runs when they come."""

import os
import select
import signal
from collections.abc import Sequence


class Signals:
    """The signals of this process, from now on; those of its parent are not its own any more.

    Parameters
    ----------
    numbers
        What to wait for.
    """

    def __init__(self, *numbers: int) -> None:
        self._came, written = os.pipe()
        for end in (self._came, written):
            os.set_blocking(end, False)
        for number in numbers:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)

    def wait(self, seconds: float | None = None, files: Sequence[int] = ()) -> set[int]:
        """Wait for signals, for something to read in one of the files, or for so long.

        Returns
        -------
        set of int
            The signals that came.
        """
        ready, _, _ = select.select([self._came, *files], [], [], seconds)
        return set(os.read(self._came, 4096)) if self._came in ready else set()
