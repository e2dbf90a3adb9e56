"""A study as one of its revisions holds it, for whoever reads studies."""

import gzip
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision, RevisionSeries
from imaging.model.study import Series
from imaging.ports.catalogue import StudyContents
from imaging.ports.objects import ObjectStore
from imaging.reading.json_array import elements, runs


class RevisionContents:
    """`imaging.ports.catalogue.StudyContents` of the study as it was; what it names are object versions, which stay.

    Parameters
    ----------
    rows
        The study as it is: its rows still have the metadata of most versions.
    """

    def __init__(self, revision: Revision, rows: StudyContents, objects: ObjectStore) -> None:
        self._revision = revision
        self._rows = rows
        self._objects = objects
        self._series: Mapping[str, RevisionSeries] = {series.series_instance_uid: series for series in revision.series}

    def read_series(self, study: StudyKey) -> list[Series]:
        """The revision's series, by UID; each is finished, whatever came afterwards."""
        return [self._row(series) for series in self._revision.series]

    def read_instances(
        self,
        study: StudyKey,
        series_instance_uid: str | None = None,
        *,
        at_a_time: int | None = None,
        after: tuple[str, str] | None = None,
    ) -> Iterator[Instance]:
        """The revision's instances by Series and SOP Instance UID."""
        for series in self._revision.series:
            if series_instance_uid in (None, series.series_instance_uid):
                for instance in series.instances:
                    if after is None or (series.series_instance_uid, instance.sop_instance_uid) > after:
                        yield self._revision.row_of(series, instance)

    def read_instances_at(self, keys: Sequence[InstanceKey]) -> list[Instance]:
        """Those of the instances that the revision has."""
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        for key in keys:
            wanted[key.series_instance_uid].add(key.sop_instance_uid)
        return [
            self._revision.row_of(series, instance)
            for uid, uids in wanted.items()
            if (series := self._series.get(uid))
            for instance in series.instances
            if instance.sop_instance_uid in uids
        ]

    def read_metadata(self, instances: Sequence[Instance]) -> dict[InstanceKey, bytes]:
        """The gzipped DICOM JSON of all of them; what the rows do not have any more, the revision's objects have."""
        found = self._rows.read_metadata(instances)
        missing: defaultdict[str, set[InstanceKey]] = defaultdict(set)
        for instance in instances:
            if instance.key not in found:
                missing[instance.key.series_instance_uid].add(instance.key)
        for series_instance_uid, keys in missing.items():
            found |= self._consolidated(self._series[series_instance_uid], keys)
        return found

    def _consolidated(self, series: RevisionSeries, keys: set[InstanceKey]) -> Iterator[tuple[InstanceKey, bytes]]:
        """The metadata of the series has its instances in the order that the revision has them in."""
        body = self._objects.read(self._revision.study.space, series.metadata_key)
        if body is None:
            raise Unavailable("The metadata of a series of this revision cannot be found; ask again.")
        texts = (text for run in runs([body[1]]) for text, _ in elements(run.decode()))
        for instance, text in zip(series.instances, texts, strict=True):
            key = self._revision.key_of(series.series_instance_uid, instance.sop_instance_uid)
            if key in keys:
                yield key, gzip.compress(text.encode(), mtime=0)

    def _row(self, series: RevisionSeries) -> Series:
        changes = sum(instance.change_number for instance in series.instances)
        return Series(
            study=self._revision.study,
            series_instance_uid=series.series_instance_uid,
            instances=len(series.instances),
            changes=changes,
            attributes=series.attributes,
            metadata_key=series.metadata_key,
            metadata_changes=changes,
        )
