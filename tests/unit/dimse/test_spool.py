"""What a data set waits in while it comes in."""

import errno
from tempfile import TemporaryFile

import pytest

import imaging.dimse.spool as module
from imaging.dimse.spool import KEPT_IN_MEMORY_BYTES, Spool
from imaging.errors import Rejected, RejectReason, Unavailable

FILE_META = b"DICM and so on"
PIECE = bytes(range(256)) * 512


def filled(pieces: int, max_bytes: int = 2**30) -> Spool:
    spool = Spool(FILE_META, max_bytes)
    for _ in range(pieces):
        assert spool.write(PIECE) == len(PIECE)
    return spool


def test_a_small_one_is_in_memory_and_a_large_one_on_disk_behind_the_same_beginning():
    fitting = (KEPT_IN_MEMORY_BYTES - len(FILE_META)) // len(PIECE)
    with filled(fitting) as small:
        assert small.body() == FILE_META + PIECE * fitting
    with filled(fitting + 1) as large:
        body = large.body()
        assert not isinstance(body, bytes)
        assert (body.tell(), body.read()) == (0, FILE_META + PIECE * (fitting + 1))
        assert large.getbuffer().nbytes == 0  # nothing of it is in memory any more
    assert body.closed


@pytest.mark.parametrize("pieces", [1, 20])
def test_it_is_had_in_memory_by_those_who_need_it_there(pieces):
    with filled(pieces) as spool:
        assert spool.getvalue() == FILE_META + PIECE * pieces


def test_what_is_too_large_is_read_to_its_end_and_not_kept():
    with filled(20, max_bytes=19 * len(PIECE)) as spool:
        assert spool.size_bytes == 20 * len(PIECE)
        with pytest.raises(Rejected, match=f"up to {19 * len(PIECE)} bytes") as refused:
            spool.body()
        with pytest.raises(Rejected):
            spool.getvalue()
        assert refused.value.reason is RejectReason.TOO_LARGE
        assert spool.getbuffer().nbytes == 0


def test_what_the_disk_does_not_take_is_to_come_again(monkeypatch):
    class FullDisk:
        written = 0

        def write(self, content):
            if self.written > 4 * KEPT_IN_MEMORY_BYTES:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.written += len(content)
            return len(content)

        def close(self):
            self.closed = True

    disk = FullDisk()
    monkeypatch.setattr(module, "TemporaryFile", lambda **_: disk)
    with filled(100) as spool:
        assert disk.closed  # at once: others need the room
        assert spool.size_bytes == 100 * len(PIECE)
        with pytest.raises(Unavailable, match="disk"):
            spool.body()


def test_a_disk_that_takes_a_part_of_what_it_is_given_gets_the_rest(monkeypatch):
    class Reluctant:
        def __init__(self, file):
            self._file = file

        def write(self, content):
            return self._file.write(content[: max(1, len(content) // 2)])

        def __getattr__(self, name):
            return getattr(self._file, name)

    with TemporaryFile(buffering=0) as file:
        monkeypatch.setattr(module, "TemporaryFile", lambda **_: Reluctant(file))
        with filled(10) as spool:
            assert spool.body().read() == FILE_META + PIECE * 10


def test_what_was_refused_before_it_came_is_told_when_it_has_come():
    refusal = Rejected(RejectReason.INVALID_IDENTIFIER, "No UID.")
    with Spool(b"", 2**30, refusal) as spool:
        spool.write(PIECE)
        with pytest.raises(Rejected, match="No UID"):
            spool.body()
        assert spool.size_bytes == len(PIECE)
