"""A large object read from its beginning to its end by ranges, in constant memory, the next ones ahead."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from imaging.errors import Unavailable
from imaging.ports.objects import CopyOf, ObjectStore

BLOCK_BYTES = 8 * 1024 * 1024
_AHEAD = 4


class ReadAheadSource:
    """What a copy would hold; a `imaging.dicom.byte_source.ByteSource` for one thread.

    Whoever goes on to the next block finds it read already, with those behind
    it under way; whoever hops gets the block that is hopped into. At most six
    blocks are held. Leave it as a context: what is under way then ends.
    """

    def __init__(self, objects: ObjectStore, copied: CopyOf) -> None:
        self._objects = objects
        self._copied = copied
        self._blocks = -(-copied.size_bytes // BLOCK_BYTES)
        self._held: dict[int, Future[bytes]] = {}
        self._pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="read-ahead")
        self._latest = 0
        self.size_bytes = len(copied.after) + copied.size_bytes

    def __enter__(self) -> "ReadAheadSource":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def read_range(self, first: int, last: int) -> bytes:
        """Bytes `first` to `last`, both counted from 0 and included.

        Raises
        ------
        Unavailable
            If the version is gone or the store does not answer.
        """
        offset = len(self._copied.after)
        found = [self._copied.after[first : last + 1]]
        begin, end = max(first - offset, 0), min(last - offset + 1, self._copied.size_bytes)
        while begin < end:
            number, within = divmod(begin, BLOCK_BYTES)
            found.append(self._block(number)[within : within + end - begin])
            begin += len(found[-1])
        return b"".join(found)

    def _block(self, number: int) -> bytes:
        goes_on = number in (self._latest, self._latest + 1)
        wanted = range(number, min(number + _AHEAD + 1, self._blocks)) if goes_on else range(number, number + 1)
        self._latest = number
        for left in self._held.keys() - {number - 1, *wanted}:
            self._held.pop(left).cancel()
        for each in wanted:
            if each not in self._held:
                self._held[each] = self._pool.submit(self._fetcher(each))
        return self._held[number].result()

    def _fetcher(self, number: int) -> Callable[[], bytes]:
        def fetch() -> bytes:
            copied, first = self._copied, number * BLOCK_BYTES
            last = min(first + BLOCK_BYTES, copied.size_bytes) - 1
            found = self._objects.read(
                copied.space, copied.object_key, first=first, last=last, version_id=copied.version_id
            )
            if found is None or len(found[1]) != last + 1 - first:
                raise Unavailable("The object version disappeared while it was read; it is tried again.")
            return found[1]

        return fetch
