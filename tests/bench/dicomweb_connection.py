"""A client of a DICOMweb server that costs next to nothing itself: bodies are sent as they lie in memory."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from itertools import chain
from urllib.parse import urlsplit

from tests.bench.measurement import BenchFailed, NotThere

MULTIPART_DICOM = 'multipart/related; type="application/dicom"'
_BOUNDARY = b"bench-boundary"
_PART = b"--" + _BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n"
_END = b"--" + _BOUNDARY + b"--\r\n"
_LARGEST_CHUNK = 1024 * 1024  # of chunked transfer coding; clients that read from files send less
_READ_BYTES = 1024 * 1024
_SECONDS = 900.0
_NOT_OFFERED = {
    *(HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.NOT_IMPLEMENTED),
    *(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.LENGTH_REQUIRED),
}


class DicomWebConnection:
    """One client's connection, kept open as long as the server keeps it.

    Parameters
    ----------
    root
        Of the DICOMweb service, such as ``http://127.0.0.1:8080/spaces/main``.
    """

    def __init__(self, root: str) -> None:
        address = urlsplit(root)
        self._path = address.path.rstrip("/")
        self._http = HTTPConnection(address.hostname or "", address.port or 80, timeout=_SECONDS)

    def close(self) -> None:
        self._http.close()

    def store(self, files: Sequence[bytes], *, chunked: bool) -> int:
        """Store instances by STOW-RS in one request, in chunks or with a Content-Length; returns their size."""
        pieces = [*chain.from_iterable((_PART, file, b"\r\n") for file in files), _END]
        self._http.putrequest("POST", f"{self._path}/studies", skip_accept_encoding=True)
        self._http.putheader("Content-Type", f"{MULTIPART_DICOM}; boundary={_BOUNDARY.decode()}")
        self._http.putheader("Accept", "application/dicom+json")
        if chunked:
            self._http.putheader("Transfer-Encoding", "chunked")
        else:
            self._http.putheader("Content-Length", str(sum(map(len, pieces))))
        with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
            self._http.endheaders()
            for piece in _coalesced(_chunks(pieces) if chunked else pieces):
                self._http.send(piece)
        answer = self._answer()
        read = answer.read()
        _expect(answer, HTTPStatus.OK, read)
        return sum(map(len, files))

    def read(self, path: str, accept: str, dicom_bytes: int, *, at_least: int | None = None) -> int:
        """Read a body whole and forget it; a redirect is followed.

        Parameters
        ----------
        dicom_bytes
            How much there is of what is asked for, as it was stored.
        at_least
            A shorter body is a failure; None: as `dicom_bytes`.
        """
        answer = self._get(self._path + path, accept)
        if answer.status == HTTPStatus.TEMPORARY_REDIRECT:
            answer.read()
            address = urlsplit(answer.headers["Location"])
            with closing(DicomWebConnection(f"http://{address.netloc}")) as elsewhere:
                return elsewhere.read(f"{address.path}?{address.query}", "*/*", dicom_bytes)
        if answer.status != HTTPStatus.OK:
            _expect(answer, HTTPStatus.OK, answer.read())
        buffer, total = bytearray(_READ_BYTES), 0
        while count := answer.readinto(buffer):
            total += count
        if total < (dicom_bytes if at_least is None else at_least):
            raise BenchFailed(f"GET {path} gave {total} bytes, which is not all.")
        return dicom_bytes

    def ask(self, path: str, expected: str) -> int:
        """Read DICOM JSON, which must have the expected text in it; counts as no bytes."""
        answer = self._get(self._path + path, "application/dicom+json")
        body = answer.read()
        _expect(answer, HTTPStatus.OK, body)
        if expected.encode() not in body:
            raise BenchFailed(f"GET {path} does not speak of {expected}.")
        return 0

    def _get(self, target: str, accept: str) -> HTTPResponse:
        self._http.putrequest("GET", target, skip_accept_encoding=True)
        self._http.putheader("Accept", accept)
        self._http.endheaders()
        return self._answer()

    def _answer(self) -> HTTPResponse:
        try:
            return self._http.getresponse()
        except OSError as failure:
            self._http.close()
            raise BenchFailed(f"The server did not answer: {failure!r}.") from failure


def _expect(answer: HTTPResponse, status: HTTPStatus, body: bytes) -> None:
    if answer.status in _NOT_OFFERED:
        raise NotThere(f"HTTP {answer.status}")
    if answer.status != status:
        raise BenchFailed(f"The server answered {answer.status}: {body[:300].decode(errors='replace')}")


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """The chunked transfer coding, RFC 9112 Section 7.1."""
    for piece in pieces:
        for start in range(0, len(piece), _LARGEST_CHUNK):
            chunk = memoryview(piece)[start : start + _LARGEST_CHUNK]
            yield b"%x\r\n" % len(chunk)
            yield chunk
            yield b"\r\n"
    yield b"0\r\n\r\n"


def _coalesced(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The same bytes, small neighbours in one piece, large ones uncopied."""
    held = bytearray()
    for piece in pieces:
        if len(piece) < _READ_BYTES // 16:
            held += piece
            continue
        if held:
            yield bytes(held)
            held.clear()
        yield piece
    if held:
        yield bytes(held)
