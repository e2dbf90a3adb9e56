"""The DICOM JSON of a series in one object, so that reading a finished series is one GET."""

import gzip
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision
from imaging.ports.manifest import StudyFence
from imaging.ports.objects import ObjectStore

_SERIES_SIDE_BY_SIDE = 4
_SIDE_BY_SIDE = 8


class SeriesMetadata:
    """Gathers the metadata of instances and writes it series by series."""

    def __init__(self, objects: ObjectStore, fence: StudyFence) -> None:
        self._objects = objects
        self._fence = fence

    def consolidate(self, revision: Revision, rows: Iterable[Instance]) -> None:
        """Write those objects that `revision` names and that are not there yet."""
        by_series: defaultdict[str, list[Instance]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.key):
            if not row.deleted:
                by_series[row.key.series_instance_uid].append(row)
        with ThreadPoolExecutor(_SERIES_SIDE_BY_SIDE) as pool:
            written = pool.map(
                lambda series: self._write(
                    revision.study.space, series.metadata_key, by_series[series.series_instance_uid]
                ),
                revision.series,
            )
            deque(written, maxlen=0)

    def _write(self, space: str, object_key: str, instances: Sequence[Instance]) -> None:
        if self._objects.head(space, object_key) is None:
            body = gzip.compress(self._joined(instances), mtime=0)
            self._objects.put_if_absent(space, object_key, body, metadata={}, content_type="application/gzip")

    def _joined(self, instances: Sequence[Instance]) -> bytes:
        """A JSON array of the instances' data sets, in the order given."""
        kept = self._fence.read_metadata(instances)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            parts = pool.map(lambda instance: self._metadata(instance, kept), instances)
            return b"[" + b",".join(parts) + b"]"

    def _metadata(self, instance: Instance, kept: dict[InstanceKey, bytes]) -> bytes:
        packed = kept.get(instance.key)
        if packed is None:
            found = self._objects.read(instance.key.space, instance.spilled_metadata_key)
            if found is None:
                raise Unavailable("The metadata of an instance is neither in the manifest nor in the bucket yet.")
            packed = found[1]
        return gzip.decompress(packed)
