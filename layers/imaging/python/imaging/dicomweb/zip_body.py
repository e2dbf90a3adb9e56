"""Instances in one ZIP archive, PS3.18 Section 8.6.1.3, as ISO/IEC 21320-1 limits it (PS3.3 Section P.1.2.1)."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from zipfile import ZIP_DEFLATED, ZipFile

from imaging.dicomweb.stream import Pieces
from imaging.model.identifiers import InstanceKey

_SURELY_SHORT = 1024 * 1024 * 1024  # half of what takes 64 bits, for the size may be an estimate


@dataclass(frozen=True)
class ZipEntry:
    """A file of the archive.

    Attributes
    ----------
    size_bytes
        About; None: not known, so that its sizes are written with 64 bits.
    """

    name: str
    pieces: Pieces
    size_bytes: int | None = None


def entry_name(key: InstanceKey) -> str:
    """Where an instance lies in the archive; the extension as PS3.18 Section 8.6.1.3.1 has it."""
    return f"{key.study_instance_uid}/{key.series_instance_uid}/{key.sop_instance_uid}.dcm"


def zip_body(entries: Generator[ZipEntry, None, None]) -> Generator[bytes, None, None]:
    """The archive in pieces, whatever its size; memory holds a piece and the names.

    Nothing is compressed: what could be has its transfer syntax for that. The
    entries are still "deflated", as blocks of stored bytes, since a reader
    that does not seek can only find the end of such. If an entry breaks off,
    so does the archive, without the directory at its end. The same entries
    make the same bytes, of no day.

    Parameters
    ----------
    entries
        The next one is asked for when the one before has gone out.
    """
    sink = _Sink()
    with closing(entries):
        archive = ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=0)
        for entry in entries:
            is_long = entry.size_bytes is None or entry.size_bytes > _SURELY_SHORT
            with closing(entry.pieces) as pieces:
                first = next(iter(pieces), b"")  # before its head: what fails here has not begun yet
                with archive.open(entry.name, "w", force_zip64=is_long) as file:
                    file.write(first)
                    yield sink.taken()
                    for piece in pieces:
                        file.write(piece)
                        yield sink.taken()
        archive.close()
    yield sink.taken()


class _Sink:
    """What the archive is written to: nothing that could be sought."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, written: bytes) -> int:
        self._written.append(bytes(written))
        return len(written)

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """Nothing is to be ended here."""

    def taken(self) -> bytes:
        """What was written since."""
        taken = b"".join(self._written)
        self._written.clear()
        return taken
