"""Retrieve the DICOM JSON of instances, a finished series from one object."""

import gzip
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
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


class RetrieveMetadata:
    """Reads metadata series by series; finished or not, the content is the same."""

    def __init__(self, contents: StudyContents, objects: ObjectStore, read_ahead: ReadAhead | None = None) -> None:
        self._contents = contents
        self._objects = objects
        self._read_ahead = read_ahead or ReadAhead()

    def __call__(self, target: Target) -> Generator[bytes, None, None]:
        """The target's data sets by Series and SOP Instance UID, in runs: one or more, joined by commas, in UTF-8.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there are none, in place of the first.
        Unavailable
            Some cannot be read. What was given until then is not all.
        """
        is_empty = True
        with closing(self._runs(target)) as found:
            for run in found:
                is_empty = False
                yield run
        if is_empty:
            raise target.not_found()

    def _runs(self, target: Target) -> Generator[bytes, None, None]:
        if target.instance:
            yield from self._one_by_one(target.instances(self._contents))
            return
        for series in self._contents.read_series(target.study):
            if target.series_instance_uid in (None, series.series_instance_uid):
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
