"""Keeps what was read last, within a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The values used last, for many threads; what never changes can be kept so.

    Parameters
    ----------
    max_bytes
        What all values together may hold of memory; one that is larger is not kept.
    size_of
        About what a value holds of memory, in bytes.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[Value], int]) -> None:
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._held_bytes = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """What the values hold of memory now."""
        return self._held_bytes

    def get(self, key: Key) -> Value | None:
        """The value, which is now the one used last; None if it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, in place of those that were not used for the longest time."""
        size_bytes = self._size_of(value)
        with self._lock:
            if key in self._values:
                self._held_bytes -= self._size_of(self._values.pop(key))
            if size_bytes > self._max_bytes:
                return
            self._values[key] = value
            self._held_bytes += size_bytes
            while self._held_bytes > self._max_bytes:
                _, dropped = self._values.popitem(last=False)
                self._held_bytes -= self._size_of(dropped)
