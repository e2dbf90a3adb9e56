"""Finds what a Content-Location is the location of; PS3.18 Sections 8.6.1.2 and 10.5.1, RFC 3986."""

import re
from urllib.parse import unquote, urlsplit

_FRAME = re.compile(r"(.*)/frames/([0-9]{1,9})/?", re.DOTALL)
_MAX_SEGMENTS = 32
_MAX_LENGTH = 2048
_MAX_ENDS = 200_000  # of all BulkDataURIs together


class BulkDataLocations:
    """The BulkDataURIs of a request, and which of them a part belongs to.

    They are equal, or their paths are, or the path of one ends with that of
    the other: what they are relative to, a sender does not say. Only what
    fits a single one is taken.
    """

    def __init__(self) -> None:
        self._uris: set[str] = set()
        # None where it could be that of several
        self._by_path: dict[str, str | None] = {}
        self._by_end: dict[str, str | None] = {}

    def add(self, uri: str) -> None:
        """Take down a BulkDataURI."""
        if uri in self._uris:
            return
        self._uris.add(uri)
        path, *ends = _ends(uri) or [""]
        self._by_path[path] = None if path in self._by_path else uri
        for end in ends if len(self._by_end) < _MAX_ENDS else ():
            self._by_end[end] = None if end in self._by_end else uri

    def remove(self, uri: str) -> None:
        """Forget one: all that referred to it have their bulk data."""
        self._uris.discard(uri)
        path, *ends = _ends(uri) or [""]
        for index, ways in ((self._by_path, [path]), (self._by_end, ends)):
            for way in ways:
                if index.get(way) == uri:
                    del index[way]

    def find(self, location: str) -> tuple[str, int] | None:
        """The BulkDataURI that a Content-Location belongs to, and which frame of it.

        Returns
        -------
        tuple of str and int, or None
            The frame is 0 if the location names none; None if it is the
            location of nothing, or could be that of several.
        """
        uri = self._one(location)
        if uri is not None:
            return uri, 0
        frame = _FRAME.fullmatch(location)
        if frame and int(frame[2]):
            uri = self._one(frame[1])
        return (uri, int(frame[2])) if frame and uri is not None else None

    def _one(self, location: str) -> str | None:
        if location in self._uris:
            return location
        path, *ends = _ends(location) or [""]
        if not path:
            return None
        if path in self._by_path:
            return self._by_path[path]
        if path in self._by_end:
            return self._by_end[path]
        return next((self._by_path[end] for end in ends if end in self._by_path), None)


def _ends(uri: str) -> list[str]:
    """The path and its ends, longest first; none of what is too long to be looked at."""
    if len(uri) > _MAX_LENGTH:
        return []
    try:
        split = urlsplit(uri)
    except ValueError:  # brackets that are no IPv6 address
        return []
    path = unquote(split.path) + (f"?{split.query}" if split.query else "")
    segments = [segment for segment in path.split("/") if segment not in {"", "."}]
    if len(segments) > _MAX_SEGMENTS:
        return []
    return ["/".join(segments[first:]) for first in range(len(segments))]
