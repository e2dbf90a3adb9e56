import threading
import time
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Arrival, Door, Instance
from imaging.ports.objects import StoredObject
from imaging.reading import retrieve_instances
from imaging.reading.retrieve_instances import MAX_PIECE_BYTES, Extent, RetrieveInstances
from tests.fakes import START, InMemoryObjects

GiB = 1024**3
ARRIVAL = Arrival("digest", "1.2.840.10008.1.2.1", Door.STOW_RS, datetime(2026, 1, 1, tzinfo=UTC))
CT = "1.2.840.10008.5.1.4.1.1.2"


class NoContents:
    """Nothing is looked up here."""


class MadeUpObjects(InMemoryObjects):
    """Objects of any size, whose bytes are made when they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.most_side_by_side = 0
        self._side_by_side = 0
        self._counting = threading.Lock()

    def read(
        self, space: str, object_key: str, *, first: int = 0, last: int | None = None, version_id: str | None = None
    ) -> tuple[StoredObject, bytes]:
        assert last is not None
        with self._counting:
            self.reads += 1
            self._side_by_side += 1
            self.most_side_by_side = max(self.most_side_by_side, self._side_by_side)
        time.sleep(0.001)
        with self._counting:
            self._side_by_side -= 1
        return StoredObject("v1", '"1"', GiB, START, {}), bytes(last - first + 1)


class BreakingObjects(InMemoryObjects):
    """Reads of some places fail, so many times."""

    def __init__(self, failures: dict[int, int]) -> None:
        super().__init__()
        self._failures = failures

    def read(
        self, space: str, object_key: str, *, first: int = 0, last: int | None = None, version_id: str | None = None
    ) -> tuple[StoredObject, bytes] | None:
        if self._failures.get(first, 0) > 0:
            self._failures[first] -= 1
            raise Unavailable("The connection broke.")
        return super().read(space, object_key, first=first, last=last, version_id=version_id)


def stored(objects: InMemoryObjects, body: bytes, number: int = 0) -> Instance:
    key = InstanceKey("main", "1", "1.2", f"1.2.{number}")
    version_id = objects.put("main", key.object_key, body)
    return Instance(key, 1, Action.CREATE, version_id, len(body), ARRIVAL, CT, {})


def large(size_bytes: int) -> Instance:
    return Instance(InstanceKey("main", "1", "1.2", "1.2.3"), 1, Action.CREATE, "v1", size_bytes, ARRIVAL, CT, {})


def retrieving(objects: InMemoryObjects) -> RetrieveInstances:
    return RetrieveInstances(NoContents(), objects, objects)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(retrieve_instances, "MAX_PIECE_BYTES", 7)
    return 7


@given(
    bodies=st.lists(st.binary(min_size=1, max_size=60), max_size=8),
    texts=st.lists(st.binary(max_size=9), min_size=9, max_size=9),
    piece_bytes=st.integers(1, 64),
)
def test_gives_texts_and_instances_byte_for_byte_whatever_the_pieces(
    bodies: list[bytes], texts: list[bytes], piece_bytes: int
) -> None:
    objects = InMemoryObjects()
    parts: list[bytes | Extent] = []
    expected = b""
    for number, body in enumerate(bodies):
        parts += [texts[number], Extent.whole(stored(objects, body, number))]
        expected += texts[number] + body
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieve_instances, "MAX_PIECE_BYTES", piece_bytes)
        assert b"".join(retrieving(objects).stream(parts)) == expected
    assert sum(map(len, parts)) == len(expected)


def test_gives_a_part_of_an_instance(small_pieces: int) -> None:
    objects = InMemoryObjects()
    body = bytes(range(100))
    instance = stored(objects, body)
    assert b"".join(retrieving(objects).stream([Extent(instance, 5, 50)])) == body[5:55]


def test_a_gigabyte_passes_through_little_memory() -> None:
    objects = MadeUpObjects()
    tracemalloc.start()
    try:
        given = 0
        for piece in retrieving(objects).stream([Extent.whole(large(GiB))]):
            assert len(piece) <= MAX_PIECE_BYTES
            given += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert given == GiB
    assert peak < 64 * 1024 * 1024
    assert objects.most_side_by_side > 1


def test_a_client_that_takes_nothing_more_has_little_fetched_for_it() -> None:
    objects = MadeUpObjects()
    stream = retrieving(objects).stream([Extent.whole(large(GiB))])
    next(stream)
    time.sleep(0.1)
    assert objects.reads <= 6
    stream.close()


def test_closed_early_it_stops_fetching() -> None:
    objects = MadeUpObjects()
    with closing(retrieving(objects).stream([Extent.whole(large(GiB))])) as stream:
        next(stream)
    reads = objects.reads
    time.sleep(0.1)
    assert objects.reads <= reads + 4 < 20


def test_gives_the_version_of_the_row_though_the_instance_was_replaced_and_deleted(small_pieces: int) -> None:
    objects = InMemoryObjects()
    instance = stored(objects, b"what the row speaks of")
    stream = retrieving(objects).stream([Extent.whole(instance)])
    begun = next(stream)
    objects.put("main", instance.key.object_key, b"other bytes, of another length")
    objects.delete("main", instance.key.object_key)
    assert begun + b"".join(stream) == b"what the row speaks of"


def test_a_version_that_is_gone_is_no_short_body(small_pieces: int) -> None:
    objects = InMemoryObjects()
    instances = [stored(objects, b"four", 0), stored(objects, b"more of it", 1)]
    objects.remove_version("main", instances[1].key.object_key, instances[1].version_id)
    stream = retrieving(objects).stream(map(Extent.whole, instances))
    assert next(stream) == b"four"
    with pytest.raises(Unavailable):
        next(stream)


def test_a_store_that_gives_too_little_is_no_short_body() -> None:
    objects = InMemoryObjects()
    instance = stored(objects, b"short")
    longer = Instance(instance.key, 1, Action.CREATE, instance.version_id, 9, ARRIVAL, CT, {})
    with pytest.raises(Unavailable):
        list(retrieving(objects).stream([Extent.whole(longer)]))


def test_a_piece_that_failed_once_is_fetched_again(small_pieces: int) -> None:
    objects = BreakingObjects({7: 1, 21: 1})
    body = bytes(range(30))
    assert b"".join(retrieving(objects).stream([Extent.whole(stored(objects, body))])) == body


def test_a_piece_that_keeps_failing_cuts_the_body(small_pieces: int) -> None:
    objects = BreakingObjects({7: 99})
    stream = retrieving(objects).stream([Extent.whole(stored(objects, bytes(30)))])
    assert len(next(stream)) == 7
    with pytest.raises(Unavailable):
        next(stream)
    assert list(stream) == []
