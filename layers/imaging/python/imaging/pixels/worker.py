"""A process that works on frames and may die; `imaging.pixels.worker_process` starts it.

It reads tasks from its standard input, writes an answer to each to its
standard output and ends when the input does. It has no credentials, and says
nothing of what it read but an answer.
"""

import json
import logging
import os
import resource
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imaging.dicom.pixel_description import PixelDescription
from imaging.pixels import wire
from imaging.pixels.colour import NoSuchColour
from imaging.pixels.decoding import decoded
from imaging.pixels.encoding import NotEncodable, encoded
from imaging.pixels.header_task import header_of
from imaging.pixels.picture_file import animation_file, frame_time
from imaging.pixels.rendering import rendered
from imaging.ports.pixels import Frame

_GRACE_SECONDS = 2  # whoever asked has given up by then, and would have killed us


def main(max_memory_bytes: int) -> None:
    """Work until the standard input ends."""
    tasks, answers = sys.stdin.fileno(), os.dup(sys.stdout.fileno())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())  # what a decoder prints would be taken for an answer
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    _limit(max_memory_bytes)
    _write(answers, {"answer": wire.READY}, [])
    while _serve(tasks, answers):
        pass


def _serve(tasks: int, answers: int) -> bool:
    """Do one task; a function of its own, so that nothing of it is held until the next one comes."""
    task = _read(tasks)
    if task is None:
        return False
    head, parts = task
    signal.setitimer(signal.ITIMER_REAL, head["seconds"] + _GRACE_SECONDS)  # SIGALRM ends a loop in C as well
    answer, made = _answer(head, parts)
    signal.setitimer(signal.ITIMER_REAL, 0)
    _write(answers, answer, made)
    return True


def _limit(max_memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would be a picture of a patient
    pages = Path("/proc/self/statm")
    held = int(pages.read_text().split()[0]) * resource.getpagesize() if pages.exists() else 0
    most = held + max_memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _answer(head: dict[str, Any], parts: Sequence[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    try:
        return _done(head, parts)
    except NotEncodable:
        return {"failure": wire.NOT_ENCODABLE}, []
    except NoSuchColour:
        return {"failure": wire.NO_SUCH_COLOUR}, []
    except Exception:  # a decoder raises what it likes, and its words may quote what it read
        return {"failure": wire.UNREADABLE}, []


def _done(head: dict[str, Any], parts: Sequence[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    if head["task"] == "animate":
        return {}, [animation_file(parts[1:], frame_time(header_of(parts[0])))]
    frame = Frame(parts[0], PixelDescription(**head["description"]))
    if head["task"] == "render":
        return {}, [rendered(header_of(parts[1]), frame, wire.rendering_of(head["rendering"]))]
    made = decoded(frame) if head["task"] == "decode" else encoded(frame, head["transfer_syntax_uid"])
    return {"description": wire.described(made.description)}, [made.content]


def _read(tasks: int) -> tuple[dict[str, Any], list[bytes]] | None:
    prefix = _exactly(tasks, wire.PREFIX.size)
    if prefix is None:
        return None
    head_bytes, count = wire.PREFIX.unpack(prefix)
    head = _exactly(tasks, head_bytes)
    sizes = _exactly(tasks, count * wire.SIZE.size)
    if head is None or sizes is None:
        return None
    parts = [_exactly(tasks, size) for size in wire.sizes_of(sizes)]
    return json.loads(head), [part for part in parts if part is not None]


def _exactly(descriptor: int, size_bytes: int) -> bytes | None:
    """So many bytes; None if the input ends before."""
    found = bytearray(size_bytes)
    view = memoryview(found)
    filled = 0
    while filled < size_bytes:
        count = os.readv(descriptor, [view[filled:]])
        if not count:
            return None
        filled += count
    return bytes(found)


def _write(answers: int, head: dict[str, Any], parts: list[bytes]) -> None:
    views = [memoryview(piece) for piece in wire.packed(head, parts)]
    while views:
        views = wire.left(views, os.writev(answers, views))
