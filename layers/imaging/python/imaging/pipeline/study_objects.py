"""What the bucket holds of a study, told apart by its keys."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from imaging.errors import Rejected
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.pipeline.large_deletion import study_of_large_deletion
from imaging.ports.objects import ListedVersion

SIDECARS = (".json.gz", ".frames")
"""How the keys end of what is kept beside a version of an instance; see `Instance.spilled_metadata_key`."""

_REVISION = re.compile(r"studies/[^/]+/revisions/(\d{8})\.json\.gz\Z")
_SIDECAR = re.compile(r"studies/[^/]+/series/[^/]+/instances/[^/]+(\.json\.gz|\.frames)\Z")
_SERIES_METADATA = re.compile(r"studies/[^/]+/series/[^/]+/metadata/[^/]+\.json\.gz\Z")


@dataclass
class StudyObjects:
    """A study's part of the bucket.

    Attributes
    ----------
    instances
        All versions of each, the latest first.
    revisions
        Numbers of those that have their final key, in order.
    refused
        Keys that are made like an instance's, and why they are none.
    deletion_is_under_way
        Whether somebody deletes more of it than one request could.
    strangers
        How many objects are none of ours.
    """

    study: StudyKey
    instances: defaultdict[InstanceKey, list[ListedVersion]] = field(default_factory=lambda: defaultdict(list))
    revisions: list[int] = field(default_factory=list)
    sidecars: list[ListedVersion] = field(default_factory=list)
    series_metadata: list[ListedVersion] = field(default_factory=list)
    refused: list[tuple[str, Rejected]] = field(default_factory=list)
    deletion_is_under_way: bool = False
    strangers: int = 0

    @classmethod
    def of(cls, study: StudyKey, versions: Iterable[ListedVersion]) -> "StudyObjects":
        """Tell apart what was listed below the study's prefix, in the order of the listing."""
        found = cls(study)
        for version in versions:
            found._take(version)
        return found

    def _take(self, version: ListedVersion) -> None:
        is_there = version.is_latest and not version.is_delete_marker
        try:
            key = InstanceKey.of_object(self.study.space, version.object_key)
        except Rejected as rejected:
            if is_there:
                self.refused.append((version.object_key, rejected))
            return
        if key:
            self.instances[key].append(version)
        elif is_there:
            self._take_further(version)

    def _take_further(self, version: ListedVersion) -> None:
        if match := _REVISION.match(version.object_key):
            self.revisions.append(int(match[1]))
        elif _SIDECAR.match(version.object_key):
            self.sidecars.append(version)
        elif _SERIES_METADATA.match(version.object_key):
            self.series_metadata.append(version)
        elif study_of_large_deletion(self.study.space, version.object_key):
            self.deletion_is_under_way = True
        else:
            self.strangers += 1
