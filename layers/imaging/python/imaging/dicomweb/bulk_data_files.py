"""Keeps bulk data until its instance is complete, without keeping a file for each part."""

import os
from dataclasses import replace
from typing import BinaryIO

from imaging.dicom.file_range import FileRange
from imaging.dicomweb.bulk_data import BulkPart
from imaging.dicomweb.multipart import spool

_MAX_OPEN_FILES = 64  # a process may open some thousand, and serves several requests


class BulkDataFiles:
    """Keeps a part as the file it came in, or, where there are many, in one file with others."""

    def __init__(self) -> None:
        self._own: set[BinaryIO] = set()
        self._common = spool()
        self._in_common = 0

    def keep(self, part: BulkPart, *, is_one_of_many: bool) -> BulkPart:
        """Take over a part and its file."""
        if not is_one_of_many and len(self._own) < _MAX_OPEN_FILES:
            self._own.add(part.content.file)
            return part
        start = self._common.seek(0, os.SEEK_END)
        for piece in part.content.pieces():
            self._common.write(piece)
        part.content.file.close()
        self._in_common += 1
        return replace(part, content=FileRange(self._common, start, part.content.size_bytes))

    def release(self, part: BulkPart) -> None:
        """Let go of a part that is not needed any more."""
        if part.content.file in self._own:
            self._own.discard(part.content.file)
            part.content.file.close()
            return
        self._in_common -= 1
        if not self._in_common:
            self._common.seek(0)
            self._common.truncate()

    def close(self) -> None:
        """Let go of all."""
        for file in (*self._own, self._common):
            file.close()
        self._own.clear()
