"""A revision: one state of a study that lasted, whole, and what changed since the one before."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from imaging.model.completion import CompletionReason
from imaging.model.events import RevisionCounts
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action, Arrival, DicomJson, Door, Instance


@dataclass(frozen=True, order=True)
class Changed:
    """One instance that a revision added, modified or deleted."""

    series_instance_uid: str
    sop_instance_uid: str
    change_number: int = field(compare=False)


@dataclass(frozen=True)
class RevisionInstance:
    """An instance as a revision holds it, down to the object version."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    version_id: str
    size_bytes: int
    data_set_digest: str
    change_number: int
    action: Action
    attributes: DicomJson


@dataclass(frozen=True)
class RevisionSeries:
    """A series as a revision holds it; instances in the order of their UIDs."""

    series_instance_uid: str
    metadata_key: str
    modality: str
    attributes: DicomJson
    instances: tuple[RevisionInstance, ...]
    partial_dates: DicomJson = field(default_factory=dict)


@dataclass(frozen=True)
class Revision:
    """Revision `number` of a study, counted from 1.

    Attributes
    ----------
    changes
        The study's count of changes that this revision includes.
    attributes
        Patient and study attributes, as all instances tell them together
        (`imaging.pipeline.told_attributes`).
    series
        In the order of their UIDs; empty when the study is gone.
    reason
        Why it was made when it was.
    conflicts
        Tags of patient and study attributes on which instances disagree;
        Patient ID (0010,0020) is among them if they name different patients.
    unreadable
        Tags of indexed attributes that instances have and the revision cannot
        give: the values break their VR, or are too long.
    too_long
        Those of them that are only too long.
    partial_dates
        Dates, of the patient and the study, that are no DA and of which there
        is no better value: `attributes` has what DICOM can say.
    """

    study: StudyKey
    number: int
    created_at: datetime
    changes: int
    additions: tuple[Changed, ...]
    modifications: tuple[Changed, ...]
    deletions: tuple[Changed, ...]
    attributes: DicomJson
    series: tuple[RevisionSeries, ...]
    reason: CompletionReason = CompletionReason.QUIET
    conflicts: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    too_long: tuple[str, ...] = ()
    partial_dates: DicomJson = field(default_factory=dict)

    @property
    def instances(self) -> int:
        """How many instances the study has in this revision."""
        return sum(len(series.instances) for series in self.series)

    @property
    def counts(self) -> RevisionCounts:
        """What the revision's event counts."""
        return RevisionCounts(
            series=len(self.series),
            instances=self.instances,
            additions=len(self.additions),
            modifications=len(self.modifications),
            deletions=len(self.deletions),
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Sorted, each once."""
        return tuple(sorted({series.modality for series in self.series if series.modality}))

    @property
    def is_change(self) -> bool:
        """Whether anything differs from the revision before."""
        return bool(self.additions or self.modifications or self.deletions)

    def with_partial_dates(self) -> "Revision":
        """The revision for whoever can say that only a year or a month is known; nothing to answer a search with."""
        return replace(
            self,
            attributes={**self.attributes, **self.partial_dates},
            series=tuple(replace(each, attributes={**each.attributes, **each.partial_dates}) for each in self.series),
        )

    def key_of(self, series_instance_uid: str, sop_instance_uid: str) -> InstanceKey:
        """The key of an instance of this study."""
        return InstanceKey(self.study.space, self.study.study_instance_uid, series_instance_uid, sop_instance_uid)

    def row_of(self, series: RevisionSeries, instance: RevisionInstance) -> Instance:
        """An instance as far as the revision tells it, which is not by which door it came, nor when."""
        return Instance(
            key=self.key_of(series.series_instance_uid, instance.sop_instance_uid),
            change_number=instance.change_number,
            action=instance.action,
            version_id=instance.version_id,
            size_bytes=instance.size_bytes,
            arrival=Arrival(instance.data_set_digest, instance.transfer_syntax_uid, Door.BY_HAND, self.created_at),
            sop_class_uid=instance.sop_class_uid,
            attributes={**self.attributes, **series.attributes, **instance.attributes},
        )

    def entry(self) -> dict[str, Any]:
        """The entry of the study's history, as contract and API show it."""
        return {
            "revision": self.number,
            "created": self.created_at.isoformat(),
            "reason": self.reason.value,
            "series": len(self.series),
            "instances": self.instances,
            "additions": _listed(self.additions),
            "modifications": _listed(self.modifications),
            "deletions": _listed(self.deletions),
        }


def _listed(changes: Iterable[Changed]) -> list[dict[str, str]]:
    return [{"series": change.series_instance_uid, "instance": change.sop_instance_uid} for change in changes]


def changes_between(
    before: Revision | None, now: Iterable[Instance]
) -> tuple[tuple[Changed, ...], tuple[Changed, ...], tuple[Changed, ...]]:
    """Compare a study's instances with its last revision.

    Bytes decide: an instance that was deleted and stored again with the same
    data set did not change.

    Returns
    -------
    tuple
        Additions, modifications and deletions, each sorted.
    """
    rows = {(row.key.series_instance_uid, row.key.sop_instance_uid): row for row in now}
    old = {
        (series.series_instance_uid, instance.sop_instance_uid): instance
        for series in (before.series if before else ())
        for instance in series.instances
    }
    additions, modifications, deletions = [], [], []
    for uids, row in sorted(rows.items()):
        change = Changed(*uids, row.change_number)
        if row.deleted:
            if uids in old:
                deletions.append(change)
        elif uids not in old:
            additions.append(change)
        elif (old[uids].data_set_digest, old[uids].transfer_syntax_uid) != (
            row.arrival.data_set_digest,
            row.arrival.transfer_syntax_uid,
        ):
            modifications.append(change)
    return tuple(additions), tuple(modifications), tuple(deletions)
