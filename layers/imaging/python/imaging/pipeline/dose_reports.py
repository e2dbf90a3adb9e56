"""The radiation dose reports of a revision, read whole."""

import gzip
import json
import zlib
from collections.abc import Iterator

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir.dose_observations import is_dose_report
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import DicomJson
from imaging.model.revision import Revision, RevisionSeries
from imaging.ports.objects import ObjectStore


class DoseReports:
    """Reads them from the metadata of their series, which finalizing has left in one object."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def __call__(self, revision: Revision) -> Iterator[tuple[InstanceKey, DicomJson]]:
        """Each report's DICOM JSON.

        Raises
        ------
        Unavailable
            If the metadata of its series is not there.
        Rejected
            `NOT_ACCEPTABLE` if it is damaged.
        """
        for series in revision.series:
            if any(is_dose_report(instance.attributes) for instance in series.instances):
                metadata = self._metadata(revision.study.space, series)
                for instance, data_set in zip(series.instances, metadata, strict=True):
                    if is_dose_report(instance.attributes):
                        yield revision.key_of(series.series_instance_uid, instance.sop_instance_uid), data_set

    def _metadata(self, space: str, series: RevisionSeries) -> list[DicomJson]:
        found = self._objects.read(space, series.metadata_key)
        if found is None:
            raise Unavailable("The metadata of a series of this revision cannot be found.")
        try:
            data_sets = json.loads(gzip.decompress(found[1]))
        except (OSError, EOFError, zlib.error, ValueError):
            data_sets = None
        if not isinstance(data_sets, list) or len(data_sets) != len(series.instances):
            raise Rejected(
                RejectReason.NOT_ACCEPTABLE,
                f"The metadata of series {series.series_instance_uid} is damaged; store one of its instances again.",
            )
        return data_sets
