"""What subscribers are told, as `detail-type` and `detail` on the event bus.

UIDs, the space, counts and links; never an attribute of a patient. Each kind
has its JSON Schema in `imaging/model/schemas`.
"""

from dataclasses import dataclass
from typing import Any

from imaging.model.completion import CompletionReason
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action

SOURCE = "imaging"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Event:
    """One event, ready for the bus."""

    detail_type: str
    detail: dict[str, Any]


def instance_changed(key: InstanceKey, action: Action, change_number: int, href: str) -> Event:
    """`Instance Stored` or `Instance Deleted`."""
    detail: dict[str, Any] = {
        **_of_study(key.study, href),
        "series": key.series_instance_uid,
        "instance": key.sop_instance_uid,
        "change_number": change_number,
    }
    if action is Action.DELETE:
        return Event("Instance Deleted", detail)
    return Event("Instance Stored", {**detail, "change": action.value})


@dataclass(frozen=True)
class RevisionCounts:
    """What a study event counts; the REVISION row carries the same."""

    series: int
    instances: int
    additions: int
    modifications: int
    deletions: int


def study_revised(study: StudyKey, revision: int, counts: RevisionCounts, reason: CompletionReason, href: str) -> Event:
    """`Study Revised`, or `Study Deleted` for a revision without instances."""
    return Event(
        "Study Revised" if counts.instances else "Study Deleted",
        {
            **_of_study(study, href),
            "revision": revision,
            "reason": reason.value,
            "series": counts.series,
            "instances": counts.instances,
            "additions": counts.additions,
            "modifications": counts.modifications,
            "deletions": counts.deletions,
        },
    )


def _of_study(study: StudyKey, href: str) -> dict[str, Any]:
    return {
        "version": SCHEMA_VERSION,
        "space": study.space,
        "study": study.study_instance_uid,
        "href": href,
    }
