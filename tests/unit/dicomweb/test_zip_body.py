"""Instances in one ZIP archive, PS3.18 Section 8.6.1.3."""

import subprocess
import tracemalloc
import zipfile
import zlib
from collections.abc import Generator, Iterator
from io import BytesIO
from itertools import repeat
from pathlib import Path
from shutil import which
from struct import unpack

import pytest

from imaging.dicomweb.zip_body import ZipEntry, entry_name, zip_body
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey

MiB = 1024 * 1024


def given(*pieces: bytes) -> Generator[bytes, None, None]:
    yield from pieces


def entries(*found: ZipEntry) -> Generator[ZipEntry, None, None]:
    yield from found


def three() -> Generator[ZipEntry, None, None]:
    return entries(
        ZipEntry("1/2/3.dcm", given(b"abc", b"def" * 100_000), 300_003),
        ZipEntry("1/2/4.dcm", given()),
        ZipEntry("1/2/5.dcm", given(b"x" * 7)),
    )


def test_every_entry_comes_back() -> None:
    archive = zipfile.ZipFile(BytesIO(b"".join(zip_body(three()))))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        "1/2/3.dcm": b"abc" + b"def" * 100_000,
        "1/2/4.dcm": b"",
        "1/2/5.dcm": b"x" * 7,
    }


def test_the_same_entries_make_the_same_bytes() -> None:
    assert b"".join(zip_body(three())) == b"".join(zip_body(three()))


def test_an_archive_of_nothing_is_one() -> None:
    assert zipfile.ZipFile(BytesIO(b"".join(zip_body(entries())))).namelist() == []


@pytest.mark.skipif(which("unzip") is None, reason="no unzip here")
def test_another_program_finds_nothing_wrong(tmp_path: Path) -> None:
    file = tmp_path / "study.zip"
    file.write_bytes(b"".join(zip_body(three())))
    assert subprocess.run(["unzip", "-tq", file], capture_output=True, check=False).returncode == 0


def test_a_reader_that_does_not_seek_finds_each_end() -> None:
    """What RFC 1951 ends by itself needs no size in front of it."""
    whole = b"".join(zip_body(entries(ZipEntry("1.dcm", given(b"a" * 100_000, b"b"), 100_001))))
    name_length, extra_length = unpack("<HH", whole[26:30])
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    assert inflater.decompress(whole[30 + name_length + extra_length :]) == b"a" * 100_000 + b"b"
    assert inflater.eof
    assert inflater.unused_data[:4] == b"PK\x07\x08"


def test_an_entry_whose_size_nobody_knows_has_room_for_64_bits() -> None:
    short = b"".join(zip_body(entries(ZipEntry("1.dcm", given(b"a"), 1))))
    unknown = b"".join(zip_body(entries(ZipEntry("1.dcm", given(b"a")))))
    assert (unpack("<H", short[4:6]), unpack("<H", unknown[4:6])) == ((20,), (45,))  # APPNOTE.TXT Section 4.4.3


def test_more_entries_than_16_bits_count() -> None:
    number = 66_000
    whole = b"".join(zip_body(ZipEntry(f"{place}.dcm", given(b"a"), 1) for place in range(number)))
    assert len(zipfile.ZipFile(BytesIO(whole)).infolist()) == number


def test_memory_holds_a_piece_only_and_the_next_entry_waits() -> None:
    asked_for: list[int] = []

    def large() -> Generator[ZipEntry, None, None]:
        for number in range(3):
            asked_for.append(number)
            yield ZipEntry(f"{number}.dcm", (piece for piece in repeat(bytes(MiB), 100)))

    tracemalloc.start()
    body = zip_body(large())
    next(body)
    assert asked_for == [0]
    assert sum(map(len, body)) > 298 * MiB
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * MiB


class Pieces:
    """What breaks off, or is closed."""

    def __init__(self) -> None:
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise Unavailable("It cannot be read.")

    def close(self) -> None:
        self.is_closed = True


def test_what_fails_in_the_first_entry_fails_before_the_first_byte() -> None:
    pieces = Pieces()
    with pytest.raises(Unavailable):
        next(zip_body(entries(ZipEntry("1.dcm", pieces))))
    assert pieces.is_closed


def test_an_entry_that_breaks_off_leaves_no_archive() -> None:
    def broken() -> Generator[bytes, None, None]:
        yield b"abc"
        raise Unavailable("It cannot be read.")

    sent: list[bytes] = []
    with pytest.raises(Unavailable):
        sent.extend(zip_body(entries(ZipEntry("1.dcm", given(b"a")), ZipEntry("2.dcm", broken()))))
    assert not zipfile.is_zipfile(BytesIO(b"".join(sent)))


def test_names_are_the_uids_and_the_extension_of_the_standard() -> None:
    assert entry_name(InstanceKey("main", "1.2", "1.3", "1.4")) == "1.2/1.3/1.4.dcm"
