"""Retrieve the DICOM JSON of instances, a finished series from one object."""

import gzip
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass
from functools import partial

from imaging.errors import Unavailable
from imaging.model.instance import Instance
from imaging.model.study import Series
from imaging.ports.catalogue import StudyContents
from imaging.ports.objects import ObjectStore, StoredObject
from imaging.reading.json_array import runs
from imaging.reading.read_ahead import Fetch, MiB, ReadAhead
from imaging.reading.target import Target

MAX_PIECE_BYTES = 8 * MiB

_INSTANCES_AT_A_TIME = 10
_BYTES_OF_A_BATCH = MiB  # about: compressed, a row keeps at most 8 KB, and what is spilled is seldom over 100 KB


@dataclass(frozen=True)
class FoundMetadata:
    """Data sets by Series and SOP Instance UID.

    Attributes
    ----------
    version
        Changes whenever their content does.
    fetch
        Begins to give them in runs: one or more, joined by commas, in UTF-8. It
        raises `Unavailable` where some cannot be read; what was given until
        then is not all.
    """

    version: str
    fetch: Callable[[], Iterator[bytes]]

    def runs(self) -> Generator[bytes, None, None]:
        """All of it, as `fetch` gives it; closing it fetches nothing more."""
        yield from self.fetch()


class RetrieveMetadata:
    """Reads metadata series by series; finished or not, the content is the same."""

    def __init__(self, contents: StudyContents, objects: ObjectStore, read_ahead: ReadAhead | None = None) -> None:
        self._contents = contents
        self._objects = objects
        self._read_ahead = read_ahead or ReadAhead()

    def over(self, contents: StudyContents) -> "RetrieveMetadata":
        """The same, of what `contents` holds."""
        other = copy(self)
        other._contents = contents
        return other

    def find(self, target: Target) -> "FoundMetadata":
        """What there is of the target's metadata, nothing of it fetched yet.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there is none.
        """
        if target.instance:
            instances = target.instances(self._contents)
            if not instances:
                raise target.not_found()
            return FoundMetadata(instances[0].version_id, partial(self._one_by_one, instances))
        found = [
            series
            for series in self._contents.read_series(target.study)
            if target.series_instance_uid in (None, series.series_instance_uid)
        ]
        if not found:
            raise target.not_found()
        return FoundMetadata(_version(found), partial(self._of_all, found))

    def _of_all(self, found: Sequence[Series]) -> Iterator[bytes]:
        for series in found:
            yield from self._of_series(series)

    def _of_series(self, series: Series) -> Iterator[bytes]:
        space, key = series.study.space, series.finished_metadata_key
        if key and (found := self._objects.read(space, key, last=MAX_PIECE_BYTES - 1)):
            yield from runs(self._pieces(space, key, found))
        else:
            yield from self._one_by_one(Target(series.study, series.series_instance_uid).instances(self._contents))

    def _pieces(self, space: str, key: str, found: tuple[StoredObject, bytes] | None) -> Iterator[bytes]:
        """All of an object of which the beginning is there; what holds a revision's metadata is never replaced."""
        read_bytes = 0
        while found and found[1]:
            yield found[1]
            read_bytes += len(found[1])
            if read_bytes >= found[0].size_bytes:
                return
            found = self._objects.read(space, key, first=read_bytes, last=read_bytes + MAX_PIECE_BYTES - 1)
        raise Unavailable("The metadata of a series was removed while it was read; ask again.")

    def _one_by_one(self, instances: Sequence[Instance]) -> Iterator[bytes]:
        batches: Iterator[list[bytes] | Fetch[list[bytes]]] = (
            Fetch(_BYTES_OF_A_BATCH, partial(self._batch, instances[start : start + _INSTANCES_AT_A_TIME]))
            for start in range(0, len(instances), _INSTANCES_AT_A_TIME)
        )
        with closing(self._read_ahead.in_order(batches)) as read:
            for batch in read:
                yield from map(gzip.decompress, batch)

    def _batch(self, instances: Sequence[Instance]) -> list[bytes]:
        """The gzipped DICOM JSON of some instances, in their order."""
        kept = self._contents.read_metadata(instances)
        return [kept.get(instance.key) or self._spilled(instance) for instance in instances]

    def _spilled(self, instance: Instance) -> bytes:
        found = self._objects.read(instance.key.space, instance.spilled_metadata_key)
        if found is None:
            raise Unavailable("An instance was replaced while its metadata was read; ask again.")
        return found[1]


def _version(found: Sequence[Series]) -> str:
    """What the rows say of the content: every change counts, and what was deleted is missing at once."""
    seen = [[series.series_instance_uid, series.changes, series.instances] for series in found]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:32]
