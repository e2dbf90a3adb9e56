"""Retrieve the DICOM JSON of instances, a finished series from one object."""

import gzip
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.model.study import Series
from imaging.ports.catalogue import StudyContents
from imaging.ports.objects import ObjectStore
from imaging.reading.target import Target

MAX_METADATA_BYTES = 64 * 1024 * 1024  # a process holds it three times over; gzip brings it to a twentieth

_SIDE_BY_SIDE = 8


class RetrieveMetadata:
    """Reads metadata series by series; finished or not, the content is the same."""

    def __init__(self, contents: StudyContents, objects: ObjectStore) -> None:
        self._contents = contents
        self._objects = objects

    def __call__(self, target: Target) -> bytes:
        """A JSON array of the target's data sets, by Series and SOP Instance UID, in UTF-8.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE` if there are none; `TOO_LARGE` over `MAX_METADATA_BYTES`.
        """
        joined = bytearray(b"[")
        for part in self._parts(target):
            joined += part + b","
            if len(joined) > MAX_METADATA_BYTES:
                raise Rejected(
                    RejectReason.TOO_LARGE,
                    f"The metadata is over {MAX_METADATA_BYTES} bytes; retrieve it by series or by instance.",
                )
        if len(joined) == 1:
            raise target.not_found()
        joined[-1:] = b"]"
        return bytes(joined)

    def _parts(self, target: Target) -> Iterator[bytes]:
        """Elements of the array, one or more at a time."""
        if target.instance:
            yield from self._one_by_one(target.instances(self._contents))
            return
        for series in self._contents.read_series(target.study):
            if target.series_instance_uid in (None, series.series_instance_uid):
                yield from self._of_series(series)

    def _of_series(self, series: Series) -> list[bytes]:
        if series.finished_metadata_key:
            found = self._objects.read(series.study.space, series.finished_metadata_key)
            if found:
                return [gzip.decompress(found[1])[1:-1]]
        return self._one_by_one(Target(series.study, series.series_instance_uid).instances(self._contents))

    def _one_by_one(self, instances: Sequence[Instance]) -> list[bytes]:
        kept = self._contents.read_metadata(instances)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return list(pool.map(lambda instance: self._metadata(instance, kept), instances))

    def _metadata(self, instance: Instance, kept: dict[InstanceKey, bytes]) -> bytes:
        zipped = kept.get(instance.key)
        if zipped is None:
            found = self._objects.read(instance.key.space, instance.spilled_metadata_key)
            if found is None:
                raise Unavailable("An instance was replaced while its metadata was read; ask again.")
            zipped = found[1]
        return gzip.decompress(zipped)
