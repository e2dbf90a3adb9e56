"""The parts of a ``multipart/related`` body; PS3.18 Section 8.6.1.2, RFC 2387 and RFC 2046 Section 5.1."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from imaging.errors import Rejected, RejectReason

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_HEADERS_OF_PART = 16
MAX_HEADER_BYTES = 4096
MAX_BOUNDARY_LENGTH = 70  # RFC 2046 Section 5.1.1


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes
    ----------
    content_type
        In lower case, without parameters; empty if the part names none.
    """

    content_type: str
    content: bytes


def media_type(header: str) -> tuple[str, dict[str, str]]:
    """Read a Content-Type: the type in lower case, and its parameters, quoted or not."""
    name, parameters = parse_options_header(header.encode("latin-1", "replace"))
    return (
        name.decode("latin-1").lower(),
        {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in parameters.items()},
    )


def split_parts(body: bytes, boundary: str) -> list[Part]:
    """Split a body that is in memory.

    Parameters
    ----------
    boundary
        As the Content-Type has it, without the leading hyphens.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` if it is no multipart body, or ends before its
        closing boundary.
    """
    if not 0 < len(boundary) <= MAX_BOUNDARY_LENGTH or not boundary.isascii():
        raise _malformed("its Content-Type needs a boundary of 1 to 70 ASCII characters")
    delimiter = b"--" + boundary.encode("ascii")
    collected = _Collected()
    try:
        MultipartParser(
            boundary,
            collected.callbacks(),
            max_header_count=MAX_HEADERS_OF_PART,
            max_header_size=MAX_HEADER_BYTES,
        ).write(_without_preamble(body, delimiter))
    except FormParserError as error:
        raise _malformed("a boundary or a header in it is not as RFC 2046 has it") from error
    if not collected.is_complete:
        raise _malformed("its closing boundary is missing")
    return collected.parts


def _without_preamble(body: bytes, delimiter: bytes) -> bytes:
    """From the first boundary on; what stands before it means nothing, RFC 2046 Section 5.1.1."""
    if body.startswith(delimiter):
        return body
    first = body.find(b"\r\n" + delimiter)
    if first < 0:
        raise _malformed("the boundary that its Content-Type names does not occur")
    return body[first + 2 :]


def _malformed(what: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, f"The multipart body cannot be read: {what}.")


class _Collected:
    """Collects what the parser calls out, in one piece for each part: the body is written at once."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.is_complete = False
        self._content_type = ""
        self._header_name = b""
        self._content = b""

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._name_header,
            "on_header_value": self._take_header,
            "on_part_data": self._take_content,
            "on_part_end": self._end,
            "on_end": self._complete,
        }

    def _begin(self) -> None:
        self._content_type, self._content = "", b""

    def _name_header(self, data: bytes, start: int, end: int) -> None:
        self._header_name = data[start:end].lower()

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        if self._header_name == b"content-type":
            self._content_type = media_type(data[start:end].decode("latin-1"))[0]

    def _take_content(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end(self) -> None:
        self.parts.append(Part(self._content_type, self._content))

    def _complete(self) -> None:
        self.is_complete = True
