"""Where the time goes: the stacks of all processes of the system, sampled from outside by py-spy."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from tests.bench.contestants import Entry, Server
from tests.bench.measurement import BenchFailed
from tests.bench.report import wide_console

_A_SECOND = 20  # more of them slow the system down more than they tell
_MOST_FUNCTIONS = 15
_WIDTHS = (22, 5, 54, 54)
_LEAST_CORES = 0.005
_ATTACHED = b"Sampling process"
_PROCESS = re.compile(r'process \d+:"(?P<command>.*)"$')
_NAMES = (  # the first that matches names the process
    (re.compile(r"-Processes(\w+?)Function"), r"Lambda \1"),
    (re.compile(r"python\S* -m (functions\.\w+)"), r"\1"),
    (re.compile(r"python\S* -m infra\.local\.embedded_aws"), "embedded AWS"),
    (re.compile(r"python\S* -m infra\.local"), "front door, launcher"),
)
_LINE = re.compile(r":\d+\)$")
_WAITING = re.compile(r"^(?:.*\bdo_poll|SocketIO\.readinto|Condition\.wait|\w*\.?select) \(")
"""A thread in one of these waits, even where py-spy caught it just before."""
_TELLING = re.compile(r"^(?!<module>).*\((?:imaging|functions|infra|ministack|code)/")
"""The rest of a stack is threads, event loops and what the libraries have between."""


@dataclass(frozen=True)
class Profile:
    """The samples of one measurement."""

    title: str
    seconds: float
    by_process: Counter[str]
    by_function: dict[str, Counter[str]]
    """For each process, the samples in which a function was on the stack: ours and the embedded AWS's only."""
    by_leaf: dict[str, Counter[str]]
    """For each process, the samples in which a function was at work itself."""


class Sampler:
    """Samples while something of ours is measured.

    Parameters
    ----------
    folder
        Gets the sampled stacks, a file each, in the folded form that flame graphs are made from.
    pid
        Of the process that started all others.

    Raises
    ------
    BenchFailed
        If py-spy is not installed.
    """

    def __init__(self, folder: Path, pid: int) -> None:
        beside_python = Path(sys.executable).with_name("py-spy")
        found = str(beside_python) if beside_python.exists() else shutil.which("py-spy")
        if not found:
            raise BenchFailed("py-spy is not installed: pip install py-spy puts it there.")
        self._program = found
        self._folder = folder
        self._pid = pid
        self.profiles: list[Profile] = []
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def __call__(self, entry: Entry, clients: int) -> Iterator[None]:
        if entry.server is not Server.OURS:
            yield
            return
        title = f"{entry.title}, clients: {clients}"
        file = self._folder / f"{len(self.profiles):03d}-{re.sub(r'[^a-z0-9]+', '-', title.lower())}.folded"
        command = [
            *(self._program, "record", "--pid", str(self._pid), "--subprocesses", "--nonblocking"),
            *("--rate", str(_A_SECOND), "--format", "raw", "--function", "--output", str(file)),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as sampling:
            assert sampling.stdout
            said = b""
            while _ATTACHED not in said:
                line = sampling.stdout.readline()
                if not line:
                    raise BenchFailed(f"py-spy could not attach: {said.decode(errors='replace')[-500:]}")
                said += line
            began = time.monotonic()
            yield
            seconds = time.monotonic() - began
            sampling.send_signal(signal.SIGINT)
            sampling.communicate()
        if file.exists():
            self.profiles.append(_profile(title, seconds, file))


def _profile(title: str, seconds: float, file: Path) -> Profile:
    profile = Profile(title, seconds, Counter(), {}, {})
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        first, *frames = stack.split(";")
        process = _process_name(first)
        while frames and _PROCESS.match(frames[0]):  # a child's line names its parents first
            process = _process_name(frames.pop(0))
        functions = [_LINE.sub(")", frame) for frame in frames]
        if functions and _WAITING.match(functions[-1]):
            continue
        profile.by_process[process] += int(count)
        inclusive = profile.by_function.setdefault(process, Counter())
        for function in filter(_TELLING.search, set(functions)):
            inclusive[function] += int(count)
        if functions:
            profile.by_leaf.setdefault(process, Counter())[functions[-1]] += int(count)
    return profile


def print_profiles(profiles: list[Profile]) -> None:
    """Say for each measurement how busy each process was, and with what."""
    console = wide_console()
    for profile in profiles:
        table = Table(
            *("process", "cores", "at work itself", "on the stack, of ours and the embedded AWS"),
            title=f"{profile.title}: {profile.seconds:.1f} s, sampled",
            title_justify="left",
            show_lines=True,
        )
        for column, width in zip(table.columns, _WIDTHS, strict=True):
            column.no_wrap, column.width = True, width
        for process, samples in profile.by_process.most_common():
            cores = samples / _A_SECOND / profile.seconds
            if cores >= _LEAST_CORES:
                table.add_row(
                    *(process, f"{cores:.2f}"),
                    _shares(profile.by_leaf.get(process, Counter()), samples),
                    _shares(profile.by_function.get(process, Counter()), samples),
                )
        console.print(table)


def _shares(functions: Counter[str], samples: int) -> str:
    most = functions.most_common(_MOST_FUNCTIONS)
    return "\n".join(f"{count / samples:4.0%} {function}" for function, count in most)


def _process_name(frame: str) -> str:
    found = _PROCESS.match(frame)
    command = found["command"] if found else frame
    for pattern, name in _NAMES:
        match = pattern.search(command)
        if match:
            return match.expand(name)
    return command[:60]
