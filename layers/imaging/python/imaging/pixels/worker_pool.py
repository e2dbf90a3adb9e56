"""The `imaging.ports.pixels.PixelWorker` whose work is done in processes beside this one."""

import os
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any

from pydicom import Dataset

from imaging.dicom.rendering_header import frame_header
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.pixels import wire
from imaging.pixels.header_task import packed_header
from imaging.pixels.native import in_little_endian, is_native
from imaging.pixels.worker_process import WorkerGone, WorkerLost, WorkerProcess
from imaging.ports.pixels import Frame, Rendering

GiB = 1024 * 1024 * 1024

MAX_WORKERS = 4
MAX_MEMORY_BYTES = 2 * GiB
SECONDS_PER_TASK = 20.0
SECONDS_PER_PICTURE = 60.0
SECONDS_TO_WAIT = 30.0
SECONDS_TO_START = 30.0
TASKS_PER_PROCESS = 5_000  # a decoder that leaks would come to the bound of its memory some day
MAX_ANSWER_BYTES = GiB // 4

_STORED = "the stored form is to be had with transfer-syntax=*"
_SENTENCES = {
    wire.UNREADABLE: f"The pixels cannot be decoded; {_STORED}.",
    wire.NOT_ENCODABLE: f"The transfer syntax that is asked for has no room for pixels of this kind; {_STORED}.",
    wire.NO_SUCH_COLOUR: f"Nothing here makes a picture of the instance's photometric interpretation; {_STORED}.",
}


class WorkerPool:
    """Some worker processes, each started when it is first needed and kept; safe for many threads.

    Whatever a frame does to its worker, the next one finds a working one.

    Parameters
    ----------
    size
        How many processes at most; by default as many as there are
        processors, `MAX_WORKERS` at most.
    max_memory_bytes
        What each may hold for its task.
    seconds_per_task
        Then a worker is killed.
    seconds_per_picture
        After so many no further frame of an animation is begun.
    seconds_to_wait
        For a worker that is free.
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
        seconds_per_task: float = SECONDS_PER_TASK,
        seconds_per_picture: float = SECONDS_PER_PICTURE,
        seconds_to_wait: float = SECONDS_TO_WAIT,
    ) -> None:
        self._max_memory_bytes = max_memory_bytes
        self._seconds_per_task = seconds_per_task
        self._seconds_per_picture = seconds_per_picture
        self._seconds_to_wait = seconds_to_wait
        self._places: LifoQueue[WorkerProcess | None] = LifoQueue()  # the last one used is warm
        for _ in range(size or min(os.cpu_count() or 1, MAX_WORKERS)):
            self._places.put(None)
        self._started: set[WorkerProcess] = set()
        self.close = weakref.finalize(self, _close, self._started)
        """End all processes; also done when this one ends."""

    def decoded(self, frame: Frame) -> Frame:
        """See `imaging.ports.pixels.PixelWorker`; what is not compressed takes no worker."""
        return in_little_endian(frame) if is_native(frame) else self._frame({"task": "decode"}, frame)

    def encoded(self, frame: Frame, transfer_syntax_uid: str) -> Frame:
        """See `imaging.ports.pixels.PixelWorker`."""
        return self._frame({"task": "encode", "transfer_syntax_uid": transfer_syntax_uid}, frame)

    def rendered(self, header: Dataset, frames: Iterable[Frame], rendering: Rendering) -> bytes:
        """See `imaging.ports.pixels.PixelWorker`; of an animation one frame is held at a time, and its pictures."""
        pictures: list[bytes] = []
        deadline = time.monotonic() + self._seconds_per_picture
        for place, frame in enumerate(frames):
            if place and rendering.media_type != "image/gif":
                raise Rejected(RejectReason.NOT_ACCEPTABLE, "Several frames make one picture only as image/gif.")
            if place and time.monotonic() > deadline:
                raise Rejected(
                    RejectReason.NOT_ACCEPTABLE, "The animation takes too long to make; ask for fewer of its frames."
                )
            head = {
                "task": "render",
                "description": wire.described(frame.description),
                "rendering": wire.rendering_head(rendering),
            }
            pictures.append(self._made(head, [frame.content, packed_header(frame_header(header, place))])[1])
        if len(pictures) == 1:
            return pictures[0]
        return self._made({"task": "animate"}, [packed_header(frame_header(header, 0)), *pictures])[1]

    def _frame(self, head: Mapping[str, Any], frame: Frame) -> Frame:
        if frame.description.frame_bytes > MAX_ANSWER_BYTES:
            raise Rejected(
                RejectReason.NOT_ACCEPTABLE, f"A frame is over {MAX_ANSWER_BYTES} bytes uncompressed; {_STORED}."
            )
        answer, content = self._made({**head, "description": wire.described(frame.description)}, [frame.content])
        try:
            return Frame(content, wire.description_of(answer["description"], frame.description))
        except (LookupError, TypeError, ValueError) as nonsense:
            raise _refusal(wire.UNREADABLE) from nonsense

    def _made(self, head: Mapping[str, Any], parts: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
        try:
            answer, content = self._asked(head, parts)
        except WorkerGone:  # the operating system took it while it was idle, or the task is too large to be taken
            answer, content = self._asked_again(head, parts)
        if failure := answer.get("failure"):
            raise _refusal(str(failure))
        return answer, content

    def _asked_again(self, head: Mapping[str, Any], parts: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
        try:
            return self._asked(head, parts)
        except WorkerGone as gone:
            raise _refusal(wire.UNREADABLE) from gone

    def _asked(self, head: Mapping[str, Any], parts: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
        with self._worker() as worker:
            try:
                return worker.ask(head, parts, seconds=self._seconds_per_task, max_answer_bytes=MAX_ANSWER_BYTES)
            except WorkerGone:
                worker.kill()
                raise
            except WorkerLost as lost:
                worker.kill()
                raise _refusal(wire.UNREADABLE) from lost

    @contextmanager
    def _worker(self) -> Iterator[WorkerProcess]:
        try:
            worker = self._places.get(timeout=self._seconds_to_wait)
        except Empty as busy:
            raise Unavailable("Too many pictures are being made at once; ask again in a moment.") from busy
        try:
            if worker is None or not worker.is_alive:
                self._forget(worker)
                worker = None
                worker = self._start()
            yield worker
            if worker.tasks_done >= TASKS_PER_PROCESS:
                worker.close()
        finally:
            if worker is not None and not worker.is_alive:
                self._forget(worker)
                worker = None
            self._places.put(worker)

    def _start(self) -> WorkerProcess:
        try:
            worker = WorkerProcess(self._max_memory_bytes)
        except OSError as failure:  # too many processes or files, or too little memory
            raise _not_started() from failure
        self._started.add(worker)
        try:
            worker.wait_until_ready(SECONDS_TO_START)
        except WorkerLost as lost:
            self._forget(worker)
            raise _not_started() from lost
        return worker

    def _forget(self, worker: WorkerProcess | None) -> None:
        if worker is not None:
            worker.kill()
            self._started.discard(worker)


def _refusal(failure: str) -> Rejected:
    return Rejected(RejectReason.NOT_ACCEPTABLE, _SENTENCES.get(failure, _SENTENCES[wire.UNREADABLE]))


def _not_started() -> Unavailable:
    return Unavailable("No process for pixels could be started; try again later.")


def _close(workers: set[WorkerProcess]) -> None:
    while workers:
        workers.pop().close()
