"""One stored study is indexed by query tags that were configured since.

First the rows of its instances. Whoever writes such a row meanwhile knows the
tags already, so a row that is done stays done, and nothing needs to be done
twice. Then series and study, from rows that all are done.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from imaging.dicom.attributes import indexed
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import DicomJson, Instance
from imaging.model.study import Series, StudyState
from imaging.pipeline.told_attributes import told_of_series, told_of_study
from imaging.ports.manifest import StudyFence
from imaging.ports.objects import ObjectStore
from imaging.ports.query_tags import AttributeRewriting
from imaging.settings import QueryTag

_INSTANCES_AT_A_TIME = 100  # rows that one BatchGetItem gives
_SIDE_BY_SIDE = 8


@dataclass(frozen=True)
class FilledInstances:
    """What a slice did to a study's instances.

    Attributes
    ----------
    reached
        The last one that is done; None if all are.
    passed_over
        Those whose metadata is lost: nothing is there to index.
    """

    reached: InstanceKey | None
    passed_over: tuple[InstanceKey, ...]


class FillStudy:
    """Rewrites the rows of one study."""

    def __init__(
        self,
        objects: ObjectStore,
        fence: StudyFence,
        rewriting: AttributeRewriting,
        query_tags: Sequence[QueryTag],
        clock: Callable[[], datetime],
    ) -> None:
        self._objects = objects
        self._fence = fence
        self._rewriting = rewriting
        self._query_tags = query_tags
        self._clock = clock

    def instances(self, study: StudyKey, behind: InstanceKey | None, until: datetime) -> FilledInstances:
        """Rewrite instances behind the one that an earlier slice has reached, at least some of them."""
        rows = sorted(
            (row for row in self._fence.read_instances(study) if not row.deleted and (not behind or row.key > behind)),
            key=lambda row: row.key,
        )
        passed_over: list[InstanceKey] = []
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            for start in range(0, len(rows), _INSTANCES_AT_A_TIME):
                batch = rows[start : start + _INSTANCES_AT_A_TIME]
                kept = self._fence.read_metadata(batch)
                are_done = pool.map(self._fill_instance, batch, [kept.get(row.key) for row in batch])
                passed_over += [row.key for row, is_done in zip(batch, are_done, strict=True) if not is_done]
                if batch[-1] is not rows[-1] and self._clock() >= until:
                    return FilledInstances(batch[-1].key, tuple(passed_over))
        return FilledInstances(None, tuple(passed_over))

    def levels(self, key: StudyKey) -> bool:
        """Bring series and study up to their instances; False if they moved on, or a finalizer is at them.

        A finalizer that claims the study afterwards reads rows that are done,
        and one that has lost its claim writes nothing.
        """
        study = self._fence.read_study(key)
        if study is None:
            return True  # nothing of it is indexed; when it is, it is by the tags too
        if study.state is StudyState.FINALIZING:
            return False
        series = self._fence.read_series(key)
        rows = [row for row in self._fence.read_instances(key) if not row.deleted]
        if not rows:
            return True
        if not self._fill_series(series, rows):
            return False
        attributes = told_of_study(rows, self._query_tags).attributes
        return self._rewriting.rewrite_study(study, self._added(study.attributes, attributes))

    def _fill_instance(self, row: Instance, metadata: bytes | None) -> bool:
        """Whether the row is done; what moved on was indexed by the tags as it did."""
        if metadata is None:
            found = self._objects.read(row.key.space, row.spilled_metadata_key)
            if found is None:
                return not self._rewriting.rewrite_instance(row, row.attributes)
            metadata = found[1]
        attributes = indexed(json.loads(gzip.decompress(metadata)), self._query_tags)
        if attributes != row.attributes:
            self._rewriting.rewrite_instance(row, attributes)
        return True

    def _fill_series(self, series: Sequence[Series], rows: Sequence[Instance]) -> bool:
        by_series: defaultdict[str, list[Instance]] = defaultdict(list)
        for row in rows:
            by_series[row.key.series_instance_uid].append(row)
        for one in series:
            if one.series_instance_uid in by_series:
                told = told_of_series(by_series[one.series_instance_uid], self._query_tags)
                attributes = self._added(one.attributes, told.attributes)
                if attributes != one.attributes and not self._rewriting.rewrite_series(one, attributes):
                    return False
        return True

    def _added(self, before: DicomJson, attributes: DicomJson) -> DicomJson:
        """The attributes as they were, by some of which a study is listed, with those of the query tags."""
        tags = {tag.tag for tag in self._query_tags}
        return {tag: value for tag, value in before.items() if tag not in tags} | {
            tag: value for tag, value in attributes.items() if tag in tags or tag not in before
        }
