"""One worker process, from its parent's side."""

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from imaging.pixels import wire

_PIECES_AT_ONCE = 16
_PIPE_BYTES = 1024 * 1024  # most frames go through in one write and one read
_START = (  # finds what we find, but behind Python's own modules, which a script's directory may shadow
    "import sys; sys.path.extend(sys.argv[2:]); from imaging.pixels.worker import main; main(int(sys.argv[1]))"
)
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")  # what finds libraries; credentials stay here


class WorkerLost(Exception):
    """The process died, took too long or answered nonsense; it is of no use any more."""


class WorkerGone(WorkerLost):
    """It had died before it took the task, which therefore did not kill it."""


class WorkerProcess:
    """A process that does one task after the other; for one thread at a time.

    Parameters
    ----------
    max_memory_bytes
        What it may hold beside what it has once it is up.
    """

    def __init__(self, max_memory_bytes: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(max_memory_bytes), *(path for path in sys.path if path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders quote what they read
            bufsize=0,
            process_group=0,  # an interrupt from the keyboard is for the parent, which then closes it
            env={
                **{name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
                "OPENBLAS_NUM_THREADS": "1",  # there are as many workers as there are processors
            },
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._tasks, self._answers = self._process.stdin, self._process.stdout
        for pipe in (self._tasks, self._answers):
            os.set_blocking(pipe.fileno(), False)
            _widen(pipe.fileno())
        self.tasks_done = 0

    @property
    def process_id(self) -> int:
        """Of the operating system."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def wait_until_ready(self, seconds: float) -> None:
        """Wait for its first word.

        Raises
        ------
        WorkerLost
        """
        head, _ = self._receive(time.monotonic() + seconds, 0)
        if head != {"answer": wire.READY}:
            raise WorkerLost

    def ask(
        self, head: Mapping[str, Any], parts: Sequence[bytes], *, seconds: float, max_answer_bytes: int
    ) -> tuple[dict[str, Any], bytes]:
        """Have a task done.

        Returns
        -------
        dict
            The head of the answer.
        bytes
            What it made; empty if it failed.

        Raises
        ------
        WorkerLost
        """
        deadline = time.monotonic() + seconds
        self.tasks_done += 1
        self._send(wire.packed({**head, "seconds": seconds}, parts), deadline)
        return self._receive(deadline, max_answer_bytes)

    def close(self) -> None:
        """Let it end by itself, and make it if it does not."""
        self._tasks.close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self.kill()
        self._answers.close()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._tasks.close()
        self._answers.close()

    def _send(self, pieces: list[bytes], deadline: float) -> None:
        views = [memoryview(piece) for piece in pieces]
        while views:
            self._wait(self._tasks.fileno(), select.POLLOUT, deadline)
            try:
                written = os.writev(self._tasks.fileno(), views[:_PIECES_AT_ONCE])
            except BlockingIOError:
                continue
            except BrokenPipeError as gone:
                raise WorkerGone from gone
            views = wire.left(views, written)

    def _receive(self, deadline: float, max_answer_bytes: int) -> tuple[dict[str, Any], bytes]:
        head_bytes, count = wire.PREFIX.unpack(self._exactly(wire.PREFIX.size, deadline))
        if head_bytes > wire.MAX_HEAD_BYTES or count > 1:
            raise WorkerLost
        content = self._exactly(head_bytes + count * wire.SIZE.size, deadline)
        sizes = wire.sizes_of(content[head_bytes:])
        if sum(sizes) > max_answer_bytes:
            raise WorkerLost
        made = self._exactly(sum(sizes), deadline)
        try:
            head = json.loads(content[:head_bytes])
        except ValueError as nonsense:
            raise WorkerLost from nonsense
        if not isinstance(head, dict):
            raise WorkerLost
        return head, made

    def _exactly(self, size_bytes: int, deadline: float) -> bytes:
        found = bytearray(size_bytes)
        view = memoryview(found)
        filled = 0
        while filled < size_bytes:
            self._wait(self._answers.fileno(), select.POLLIN, deadline)
            try:
                count = os.readv(self._answers.fileno(), [view[filled:]])
            except BlockingIOError:
                continue
            if not count:
                raise WorkerLost
            filled += count
        return bytes(found)

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
            raise WorkerLost


def _widen(descriptor: int) -> None:
    if set_size := getattr(fcntl, "F_SETPIPE_SZ", None):  # Linux has it
        try:
            fcntl.fcntl(descriptor, set_size, _PIPE_BYTES)
        except OSError:  # more than this user may have: the pipe stays as it is, only slower
            return
