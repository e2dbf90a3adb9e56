"""Bodies with a part for each thing they hold, PS3.18 Section 8.6.1.2; each part says where it can be had alone."""

import secrets
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field

from imaging.dicomweb.media_types import MULTIPART
from imaging.dicomweb.stream import Pieces


@dataclass(frozen=True)
class Boundary:
    """What separates the parts of one body."""

    text: str = field(default_factory=lambda: secrets.token_hex(16))  # 128 random bits: in none of the parts

    def content_type(self, media_type: str) -> str:
        """The media type of the body, whose parts are of `media_type`."""
        return f'{MULTIPART}; type="{media_type}"; boundary={self.text}'

    def head(self, media_type: str, location: str) -> bytes:
        """What stands before a part."""
        return f"--{self.text}\r\nContent-Type: {media_type}\r\nContent-Location: {location}\r\n\r\n".encode()

    @property
    def end(self) -> bytes:
        """What stands after the last part."""
        return f"--{self.text}--\r\n".encode()


@dataclass(frozen=True)
class BodyPart:
    """One thing, fetched as the body goes out."""

    media_type: str
    location: str
    pieces: Pieces


def multipart(boundary: Boundary, parts: Generator[BodyPart, None, None]) -> Generator[bytes, None, None]:
    """The body in pieces; the next part is asked for when the one before has gone out."""
    with closing(parts):
        for part in parts:
            with closing(part.pieces) as pieces:
                first = next(iter(pieces), b"")  # before its head: what fails here has not begun yet
                yield boundary.head(part.media_type, part.location) + first
                yield from pieces
            yield b"\r\n"
    yield boundary.end
