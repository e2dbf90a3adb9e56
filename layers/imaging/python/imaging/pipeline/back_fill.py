"""What was stored before an extended query tag was configured is indexed by it, a slice of studies at a time.

The register says first that a tag is pending. The walk begins when every
process that indexes knows the tag: those that run when it is configured end
within `settle`. From then on what comes is indexed by it at once, and the walk,
in the order of the bucket, meets everything else.

Any slice may end anywhere, be repeated, or run twice: rows are written only as
they were read, and a study is done when no finalizer can have read it before
its rows were.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from imaging.dicom.attributes import indexed, series_level, study_level
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import DicomJson, Instance
from imaging.model.study import Series, Study, StudyState
from imaging.pipeline.finalize_study import newest
from imaging.ports.manifest import StudyFence, StudyRestoration
from imaging.ports.objects import ObjectListing, ObjectStore
from imaging.ports.query_tags import AttributeRewriting, TagRegister, TagRegisters, name_of
from imaging.settings import QueryTag

_INSTANCES_AT_A_TIME = 100  # rows that one BatchGetItem gives
_SIDE_BY_SIDE = 8
_STUDIES_A_NOTE = 20
_MOST_LEFT = 200  # a walk waits for them before it leaves more


class _Filled(Enum):
    """What became of a study."""

    DONE = auto()
    MOVED_ON = auto()
    OUT_OF_TIME = auto()


@dataclass(frozen=True)
class Stores:
    """What the walk reads: what there is, in which order, and what is kept of it."""

    listing: ObjectListing
    objects: ObjectStore
    fence: StudyFence
    studies: StudyRestoration


class BackFill:
    """Goes on with one space's walk.

    Parameters
    ----------
    settle
        How long a process may live that was started before a tag was configured.
    """

    def __init__(
        self,
        stores: Stores,
        registers: TagRegisters,
        rewriting: AttributeRewriting,
        query_tags: Sequence[QueryTag],
        *,
        settle: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._registers = registers
        self._rewriting = rewriting
        self._query_tags = query_tags
        self._settle = settle
        self._clock = clock

    def __call__(self, space: str, until: datetime) -> TagRegister:
        """Rewrite studies until the walk is over or it is `until`; how far it has come."""
        register = self._noticed(space)
        if not register.pending or self._clock() < (register.since or self._clock()) + self._settle:
            return register
        waiting = register.left
        for walked, study_instance_uid in enumerate(self._ahead(register), start=1):
            filled = self._fill(StudyKey(space, study_instance_uid), until)
            if filled is _Filled.OUT_OF_TIME:
                return self._noted(register)
            register = _with(register, study_instance_uid, filled)
            if walked % _STUDIES_A_NOTE == 0:
                register = self._noted(register)
            if self._clock() >= until or len(register.left) > _MOST_LEFT + len(waiting):
                return self._noted(register)
        if not register.left:
            register = replace(register, ready=register.ready | register.pending, pending=frozenset(), since=None)
        return self._noted(register)

    def _noticed(self, space: str) -> TagRegister:
        """The register, with what is configured now; a tag that no longer is starts over when it comes back."""
        register = self._registers.read_register(space)
        configured = frozenset(map(name_of, self._query_tags))
        known = register.ready | register.pending
        if configured == known:
            return register
        now = replace(register, ready=register.ready & configured, pending=configured - register.ready)
        if configured - known:
            studies = sum(1 for _ in self._stores.studies.studies_of(space))
            now = replace(now, since=self._clock(), last_study="", left=(), studies_done=0, studies_in_all=studies)
        return self._noted(now)

    def _noted(self, register: TagRegister) -> TagRegister:
        written = self._registers.write_register(register)
        if written is None:
            raise Unavailable("Somebody else is indexing the same space by a new query tag; one is enough.")
        return written

    def _ahead(self, register: TagRegister) -> Iterator[str]:
        yield from register.left
        yield from self._stores.listing.studies(register.space, register.last_study)

    def _fill(self, key: StudyKey, until: datetime) -> _Filled:
        """Bring up the rows of one study: its instances first, so that whoever finalizes it later reads them."""
        fence = self._stores.fence
        study = fence.read_study(key)
        if study is None:
            return _Filled.DONE  # nothing of it is indexed; when it is, it is by the tag too
        if study.state is StudyState.FINALIZING:
            return _Filled.MOVED_ON
        series = fence.read_series(key)
        present = [row for row in fence.read_instances(key) if not row.deleted]
        filled: list[Instance] = []
        for start in range(0, len(present), _INSTANCES_AT_A_TIME):
            if self._clock() >= until:
                return _Filled.OUT_OF_TIME
            batch = self._fill_instances(present[start : start + _INSTANCES_AT_A_TIME])
            if batch is None:
                return _Filled.MOVED_ON
            filled += batch
        if filled and not (self._fill_series(series, filled) and self._fill_study(study, filled)):
            return _Filled.MOVED_ON
        return _Filled.DONE

    def _fill_instances(self, rows: Sequence[Instance]) -> list[Instance] | None:
        """The rows with all their attributes; None if one of them moved on."""
        kept = self._stores.fence.read_metadata(rows)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            filled = list(pool.map(lambda row: self._fill_instance(row, kept), rows))
        return [row for row in filled if row] if all(filled) else None

    def _fill_instance(self, row: Instance, kept: dict[InstanceKey, bytes]) -> Instance | None:
        metadata = kept.get(row.key)
        if metadata is None:
            found = self._stores.objects.read(row.key.space, row.spilled_metadata_key)
            if found is None:
                return None  # an indexer has written the row of another version meanwhile
            metadata = found[1]
        attributes = indexed(json.loads(gzip.decompress(metadata)), self._query_tags)
        if attributes == row.attributes:
            return row
        return replace(row, attributes=attributes) if self._rewriting.rewrite_instance(row, attributes) else None

    def _fill_series(self, series: Sequence[Series], filled: Sequence[Instance]) -> bool:
        by_series: defaultdict[str, list[Instance]] = defaultdict(list)
        for row in filled:
            by_series[row.key.series_instance_uid].append(row)
        for one in series:
            if one.series_instance_uid in by_series:
                speaking = newest(by_series[one.series_instance_uid])
                attributes = self._added(one.attributes, series_level(speaking.attributes, self._query_tags))
                if attributes != one.attributes and not self._rewriting.rewrite_series(one, attributes):
                    return False
        return True

    def _fill_study(self, study: Study, filled: Sequence[Instance]) -> bool:
        """Last, and held to what was read at first: no finalizer has been at the study in between."""
        attributes = study_level(newest(filled).attributes, self._query_tags)
        return self._rewriting.rewrite_study(study, self._added(study.attributes, attributes))

    def _added(self, before: DicomJson, attributes: DicomJson) -> DicomJson:
        """The attributes as they were, by some of which a study is listed, with those of the query tags."""
        tags = {tag.tag for tag in self._query_tags}
        return {tag: value for tag, value in before.items() if tag not in tags} | {
            tag: value for tag, value in attributes.items() if tag in tags or tag not in before
        }


def _with(register: TagRegister, study_instance_uid: str, filled: _Filled) -> TagRegister:
    """The register when the walk has been at that study."""
    was_left = study_instance_uid in register.left
    left = tuple(uid for uid in register.left if uid != study_instance_uid)
    return replace(
        register,
        left=(*left, study_instance_uid) if filled is _Filled.MOVED_ON else left,
        last_study=register.last_study if was_left else study_instance_uid,
        studies_done=register.studies_done + (filled is _Filled.DONE),
    )
