"""A journal in sqlite of what DynamoDB holds, written before any answer leaves."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

Item = dict[str, Any]
Value = str | int
Statement = tuple[str, tuple[Value, ...]]

SCHEMA = """
pragma journal_mode = wal;
pragma synchronous = normal;
create table if not exists row (table_arn, partition_key, sort_key, item,
    primary key (table_arn, partition_key, sort_key)) without rowid;
create table if not exists stream_record (table_arn, position integer, record,
    primary key (table_arn, position)) without rowid;
create table if not exists stream_end (table_arn primary key, position integer);
create table if not exists reader (mapping primary key, position integer);
"""


class RowJournal:
    """Rows, stream records and how far each event source mapping has read.

    Statements of one thread between the beginning and the end of a
    `transaction` are written together or not at all.

    Parameters
    ----------
    file
        The database; made if absent.
    """

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.executescript(SCHEMA)
        self._lock = threading.RLock()
        self._thread = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all that this thread notes until the end of the block in one go.

        It is written even if the block fails, because the rows in memory have changed by then.
        """
        if self._pending is not None:
            yield
            return
        self._thread.pending = []
        try:
            yield
        finally:
            statements, self._thread.pending = self._thread.pending, None
            self._write(statements)

    def put_row(self, table_arn: str, partition_key: str, sort_key: str, item: Item) -> None:
        """Note a row as it now is."""
        self._note(
            "insert or replace into row values (?, ?, ?, ?)", table_arn, partition_key, sort_key, json.dumps(item)
        )

    def remove_row(self, table_arn: str, partition_key: str, sort_key: str) -> None:
        """Note that a row is gone."""
        key = (table_arn, partition_key, sort_key)
        self._note("delete from row where table_arn = ? and partition_key = ? and sort_key = ?", *key)

    def forget_rows(self, table_arn: str) -> None:
        """Note that a table is gone, or about to be filled anew."""
        self._note("delete from row where table_arn = ?", table_arn)

    def rows(self) -> Iterator[tuple[str, str, str, Item]]:
        """Every row: its table's ARN, its keys, the item."""
        for table_arn, partition_key, sort_key, item in self._read("select * from row"):
            yield table_arn, partition_key, sort_key, json.loads(item)

    def add_stream_record(self, table_arn: str, position: int, record: Item) -> None:
        """Note a stream record; positions count from 0 since the table was made."""
        self._note("insert or replace into stream_record values (?, ?, ?)", table_arn, position, json.dumps(record))
        self._note("insert or replace into stream_end values (?, ?)", table_arn, position + 1)

    def stream_records(self, table_arn: str) -> list[Item]:
        """The records that are kept, oldest first; the last one's position is `stream_end` - 1."""
        found = self._read("select record from stream_record where table_arn = ? order by position", table_arn)
        return [json.loads(record) for (record,) in found]

    def stream_end(self, table_arn: str) -> int:
        """The position after the last record that is durable."""
        found = self._read("select position from stream_end where table_arn = ?", table_arn)
        return int(found[0][0]) if found else 0

    def drop_stream_records(self, table_arn: str, before: int) -> None:
        """Note that records below a position are no longer needed."""
        self._note("delete from stream_record where table_arn = ? and position < ?", table_arn, before)

    def forget_stream(self, table_arn: str) -> None:
        """Note that a table's stream is gone."""
        self._note("delete from stream_record where table_arn = ?", table_arn)
        self._note("insert or replace into stream_end values (?, ?)", table_arn, 0)

    def note_reader(self, mapping: str, position: int) -> None:
        """Note the position that an event source mapping reads next."""
        self._note("insert or replace into reader values (?, ?)", mapping, position)

    def reader(self, mapping: str) -> int | None:
        """The position that an event source mapping reads next, if it has read."""
        found = self._read("select position from reader where mapping = ?", mapping)
        return int(found[0][0]) if found else None

    @property
    def _pending(self) -> list[Statement] | None:
        return cast("list[Statement] | None", getattr(self._thread, "pending", None))

    def _note(self, sql: str, *values: Value) -> None:
        if self._pending is None:
            self._write([(sql, values)])
        else:
            self._pending.append((sql, values))

    def _write(self, statements: list[Statement]) -> None:
        if not statements:
            return
        with self._lock, self._database:
            self._database.execute("begin")
            for sql, values in statements:
                self._database.execute(sql, values)

    def _read(self, sql: str, *values: Value) -> list[tuple[Any, ...]]:
        with self._lock:  # on the one connection, a reader would see what is not committed yet
            return self._database.execute(sql, values).fetchall()
