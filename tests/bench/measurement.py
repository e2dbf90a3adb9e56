"""Clients that work side by side, and what they took."""

import resource
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

Operation = Callable[[], int]
"""Does one thing; returns how many bytes of DICOM it moved. What it sends was made before."""

_ENOUGH_FOR_PERCENTILES = 20


class NotThere(Exception):
    """The server does not offer this; the row says so."""


class BenchFailed(Exception):
    """Something answered what it must not, or nothing; one sentence."""


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Attributes
    ----------
    seconds
        From the common start until the last client was done.
    moved_bytes
        Of DICOM, by all clients.
    latencies
        Of each operation, in seconds, in no order.
    client_cpu
        Seconds of processor time that the clients themselves took, and the
        programs that they ran to their end.
    """

    seconds: float
    moved_bytes: int
    latencies: tuple[float, ...]
    client_cpu: float


def measure(clients: Sequence[Sequence[Operation]]) -> Measured:
    """Let each client do its operations one after the other, all clients side by side.

    Raises
    ------
    NotThere, BenchFailed
        As the first client's operation that did.
    """
    start = threading.Barrier(len(clients) + 1)
    latencies: list[float] = []
    moved: list[int] = []
    failures: list[Exception] = []

    def work(operations: Sequence[Operation]) -> None:
        start.wait()
        try:
            for operation in operations:
                began = time.perf_counter()
                moved.append(operation())
                latencies.append(time.perf_counter() - began)
        except Exception as failure:  # carried over to the caller's thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(operations,)) for operations in clients]
    for thread in threads:
        thread.start()
    start.wait()
    began, cpu_before = time.perf_counter(), _cpu_seconds()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - began, _cpu_seconds() - cpu_before
    if failures:
        raise failures[0]
    return Measured(seconds, sum(moved), tuple(latencies), cpu)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Unit:
    """How a row counts."""

    def __init__(self, name: str, of: Callable[[Measured], float]) -> None:
        self.name = name
        self.of = of


MEGABYTES = Unit("MB/s", lambda measured: measured.moved_bytes / 1e6 / measured.seconds)
OPERATIONS = Unit("1/s", lambda measured: len(measured.latencies) / measured.seconds)


@dataclass(frozen=True)
class Summary:
    """Several measurements of one thing: medians, and latencies of all of them together."""

    rates: tuple[float, ...]
    p50_ms: float | None
    p95_ms: float | None
    client_cpu: float

    @property
    def rate(self) -> float:
        return median(self.rates)


def summary(rounds: Sequence[Measured], unit: Unit) -> Summary:
    """Sum up; percentiles need a number of operations to mean something."""
    latencies = [latency * 1000 for measured in rounds for latency in measured.latencies]
    enough = len(latencies) >= _ENOUGH_FOR_PERCENTILES
    return Summary(
        rates=tuple(map(unit.of, rounds)),
        p50_ms=median(latencies) if latencies else None,
        p95_ms=quantiles(latencies, n=20)[18] if enough else None,
        client_cpu=median(measured.client_cpu / measured.seconds for measured in rounds),
    )
