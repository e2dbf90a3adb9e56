"""What a retrieve names: a study, a series of it, or an instance of that."""

from dataclasses import dataclass

from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.ports.catalogue import StudyContents


@dataclass(frozen=True)
class Target:
    """A study, or one series of it, or one instance of that series."""

    study: StudyKey
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None

    @property
    def instance(self) -> InstanceKey | None:
        """The one instance it names, if it does."""
        if self.series_instance_uid is None or self.sop_instance_uid is None:
            return None
        return InstanceKey(
            self.study.space, self.study.study_instance_uid, self.series_instance_uid, self.sop_instance_uid
        )

    def instances(self, contents: StudyContents) -> list[Instance]:
        """Rows of all its instances, by Series and SOP Instance UID."""
        if self.instance:
            return contents.read_instances_at([self.instance])
        return list(contents.read_instances(self.study, self.series_instance_uid))

    def is_in(self, contents: StudyContents) -> bool:
        """Whether there is anything of it."""
        if self.instance:
            return bool(contents.read_instances_at([self.instance]))
        return any(True for _ in contents.read_instances(self.study, self.series_instance_uid))

    def not_found(self) -> Rejected:
        """The refusal when there is nothing of it."""
        level = "instance" if self.instance else "series" if self.series_instance_uid else "study"
        return Rejected(
            RejectReason.NO_SUCH_RESOURCE,
            f"There is no such {level} in this storage space; what was stored a moment ago may still be on its way.",
        )
