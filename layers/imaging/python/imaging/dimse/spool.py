"""A data set while it comes in: in memory as long as it is small, then on disk."""

from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.ports.objects import Body

KEPT_IN_MEMORY_BYTES = 1024 * 1024  # as of a part that comes over HTTP


class Spool(BytesIO):
    """What a request brings, behind what its file begins with; pynetdicom's primitives take no other kind.

    Attributes
    ----------
    size_bytes
        Of the data set, as far as it has come.

    Parameters
    ----------
    file_meta
        What a file has before its data set.
    max_bytes
        A larger data set is read to its end and not kept.
    refusal
        Why nothing of it is kept.
    """

    def __init__(self, file_meta: bytes, max_bytes: int, refusal: Rejected | None = None) -> None:
        super().__init__()
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._refusal: Rejected | Unavailable | None = refusal
        self._file: BinaryIO | None = None
        super().write(file_meta)

    def write(self, fragment: bytes) -> int:  # type: ignore[override]
        """Take what comes next; that it cannot be kept is told by `body`."""
        self.size_bytes += len(fragment)
        if self._refusal is None and self.size_bytes > self._max_bytes:
            self._refuse(
                Rejected(RejectReason.TOO_LARGE, f"The archive takes data sets of up to {self._max_bytes} bytes.")
            )
        if self._refusal is None:
            try:
                self._keep(fragment)
            except OSError:  # no room, above all
                self._refuse(Unavailable("The disk that large data sets wait on takes no more."))
        return len(fragment)

    def body(self) -> Body:
        """The whole file.

        Raises
        ------
        Rejected
            `TOO_LARGE`, or what the request was refused for.
        Unavailable
            There was no room for it on the disk.
        """
        if self._refusal:
            raise self._refusal
        if self._file:
            self._file.seek(0)
            return self._file
        return super().getvalue()

    def getvalue(self) -> bytes:
        """The whole file in memory; raises as `body`."""
        body = self.body()
        return body if isinstance(body, bytes) else cast(BinaryIO, body).read()

    def close(self) -> None:
        """Let go of what was kept."""
        if self._file:
            self._file.close()
        super().close()

    def _keep(self, fragment: bytes) -> None:
        if self._file is None:
            if self.tell() + len(fragment) <= KEPT_IN_MEMORY_BYTES:
                super().write(fragment)
                return
            self._file = cast(BinaryIO, TemporaryFile(buffering=0))  # noqa: SIM115  # nameless: gone when it is closed
            self._write_through(super().getvalue())
            self.truncate(0)
        self._write_through(fragment)

    def _write_through(self, content: bytes) -> None:
        file, written = cast(BinaryIO, self._file), 0
        while written < len(content):  # without a buffer, fewer bytes may be written than were given
            written += file.write(memoryview(content)[written:])

    def _refuse(self, refusal: Rejected | Unavailable) -> None:
        self._refusal = refusal
        if self._file:
            self._file.close()
        self.truncate(0)
