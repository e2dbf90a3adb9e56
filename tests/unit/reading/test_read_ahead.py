import threading
import time
from collections.abc import Callable, Iterator
from itertools import count, islice

import pytest

from imaging.errors import Unavailable
from imaging.reading.read_ahead import Fetch, ReadAhead


class Store:
    """Fetches that say how many of them are under way, and stay so until `go_on`."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.underway = 0
        self.most_underway = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self._lock = threading.Lock()

    def fetch(self, number: int, size_bytes: int = 1) -> Fetch[bytes]:
        return Fetch(size_bytes, lambda: self._call(number))

    def _call(self, number: int) -> bytes:
        with self._lock:
            self.begun.append(number)
            self.underway += 1
            self.most_underway = max(self.most_underway, self.underway)
        self.go_on.wait(10)
        with self._lock:
            self.underway -= 1
        return b"%d" % number


def eventually(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()


def test_gives_everything_in_order_whatever_arrives_first() -> None:
    def slower_at_first(number: int) -> bytes:
        time.sleep(0.02 if number % 4 == 0 else 0)
        return b"%d" % number

    parts: list[bytes | Fetch[bytes]] = []
    for number in range(40):
        parts += [b"head", Fetch(1, lambda number=number: slower_at_first(number))]
    given = list(ReadAhead().in_order(parts))
    assert given[::2] == [b"head"] * 40
    assert given[1::2] == [b"%d" % number for number in range(40)]


def test_fetches_side_by_side_but_no_more_than_allowed() -> None:
    store = Store()
    store.go_on.clear()
    stream = ReadAhead(side_by_side=4, max_bytes=100, max_bytes_in_all=100).in_order(map(store.fetch, range(20)))
    threading.Timer(0.2, store.go_on.set).start()
    assert list(stream) == [b"%d" % number for number in range(20)]
    assert store.most_underway == 4


def test_reads_no_further_ahead_than_allowed() -> None:
    store = Store()
    ahead = ReadAhead(side_by_side=16, max_bytes=30, max_bytes_in_all=1000)
    stream = ahead.in_order(store.fetch(number, size_bytes=10) for number in range(100))
    for taken in range(1, 50):
        next(stream)
        assert len(store.begun) <= taken + 3
        assert ahead.bytes_ahead <= 30
    stream.close()


def test_what_is_larger_than_allowed_is_fetched_alone() -> None:
    ahead = ReadAhead(side_by_side=4, max_bytes=10, max_bytes_in_all=10)
    store = Store()
    stream = ahead.in_order(store.fetch(number, size_bytes=50) for number in range(5))
    assert list(stream) == [b"0", b"1", b"2", b"3", b"4"]
    assert store.most_underway == 1


def test_answers_share_what_is_read_ahead_and_each_goes_on() -> None:
    ahead, store = ReadAhead(side_by_side=8, max_bytes=40, max_bytes_in_all=60), Store()
    streams = [ahead.in_order(store.fetch(number, size_bytes=10) for number in range(50)) for _ in range(6)]
    for _ in range(20):
        for stream in streams:
            next(stream)
        assert ahead.bytes_ahead <= 60 + 6 * 10
    assert [len(list(stream)) for stream in streams] == [30] * 6
    assert ahead.bytes_ahead == 0


def test_goes_through_its_parts_only_as_far_as_it_reads_ahead() -> None:
    numbers = count()
    store = Store()
    stream = ReadAhead(side_by_side=4).in_order(store.fetch(number) for number in numbers)
    assert list(islice(stream, 100)) == [b"%d" % number for number in range(100)]
    assert next(numbers) <= 105


def test_closed_early_it_starts_no_further_fetch_and_holds_nothing() -> None:
    store = Store()
    ahead = ReadAhead(side_by_side=2, max_bytes=100, max_bytes_in_all=100)
    stream = ahead.in_order(store.fetch(number) for number in range(1000))
    next(stream)
    assert eventually(lambda: len(store.begun) == 2 and store.underway == 0)
    store.go_on.clear()
    next(stream)  # is there already; what it makes room for is begun and hangs
    stream.close()
    store.go_on.set()
    assert eventually(lambda: ahead.bytes_ahead == 0 and store.underway == 0)
    begun = len(store.begun)
    time.sleep(0.05)
    assert len(store.begun) == begun <= 6


def test_closing_waits_for_no_fetch() -> None:
    store = Store()
    stream = ReadAhead(side_by_side=2).in_order(map(store.fetch, range(9)))
    next(stream)
    store.go_on.clear()
    started = time.monotonic()
    stream.close()
    assert time.monotonic() - started < 20
    store.go_on.set()


def test_leaves_no_thread_when_it_is_gone() -> None:
    def names() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("read-ahead")]

    before = len(names())
    ahead = ReadAhead()
    list(ahead.in_order(map(Store().fetch, range(100))))
    assert len(names()) > before
    del ahead
    assert eventually(lambda: len(names()) <= before)


def test_a_failure_comes_in_its_turn_and_ends_the_stream() -> None:
    def fail() -> bytes:
        raise Unavailable("It does not answer.")

    def parts() -> Iterator[Fetch[bytes]]:
        yield from map(store.fetch, range(3))
        yield Fetch(1, fail)
        yield from map(store.fetch, range(4, 1000))

    store = Store()
    ahead = ReadAhead()
    stream = ahead.in_order(parts())
    assert [next(stream) for _ in range(3)] == [b"0", b"1", b"2"]
    with pytest.raises(Unavailable):
        next(stream)
    assert list(stream) == []
    assert eventually(lambda: ahead.bytes_ahead == 0)
    assert len(store.begun) < 100
