"""What a deployment holds and what waits in it, as the operators' command and the page of what came in show it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from imaging.model.queues import QueueKind
from imaging.model.reconciliation import Pass
from imaging.ports.queues import QueueFigures
from imaging.reading.tag_progress import TagProgress


@dataclass(frozen=True)
class SpaceCounts:
    """How much a space holds, as of the last change that its feed took."""

    space: str
    studies: int
    series: int
    instances: int
    bytes: int
    changes: int
    """How many changes its feed has told, ever."""
    changes_last_hour: int
    """What came in, was replaced or deleted in the hour before."""


@dataclass(frozen=True)
class Waiting:
    """Work that is under way or was left, and for how many seconds the oldest of it waits (None: there is none).

    Attributes
    ----------
    studies_open, studies_overdue
        Studies without a revision of their latest change; those of them whose
        revision should have been there for fifteen minutes, of the first 1,000.
    fhir_lag_seconds
        Since the oldest revision that has not reached FHIR.
    commitments_pending
        Requests for storage commitment whose result the requester has not confirmed.
    """

    studies_open: int
    studies_overdue: int
    changes_unannounced: int
    changes_unannounced_seconds: int | None
    events_unannounced: int
    events_unannounced_seconds: int | None
    revisions_unannounced: int
    revisions_unannounced_seconds: int | None
    revisions_unpublished: int
    fhir_lag_seconds: int | None
    commitments_pending: int


@dataclass(frozen=True)
class QueueState:
    """A queue and its figures."""

    name: str
    kind: QueueKind
    figures: QueueFigures


@dataclass(frozen=True)
class PassState:
    """The comparison of a space's bucket with its manifest: the one under way, or the last.

    Attributes
    ----------
    failed
        Instances and studies that could not be brought up; the next pass tries them again.
    """

    space: str
    began: datetime
    ended: datetime | None
    studies: int
    instances: int
    indexed: int
    restored_studies: int
    failed: int

    @classmethod
    def of(cls, found: Pass) -> "PassState":
        """The same as its row has it."""
        counts = found.found
        return cls(
            space=found.space,
            began=found.began_at,
            ended=found.ended_at,
            studies=counts.studies,
            instances=counts.instances,
            indexed=counts.indexed,
            restored_studies=counts.restored_studies,
            failed=counts.failed,
        )


@dataclass(frozen=True)
class Status:
    """All of it.

    Attributes
    ----------
    as_of
        When it was read.
    oldest_unindexed_seconds
        Age of the oldest object that nobody has indexed; None where there is
        none, or no figure of it.
    refused_deliveries
        How many deliveries the target of a binding refuses, by the binding's
        name; of the first 10,000 of all.
    fhir_errors
        How many studies there is an entry of, by `imaging.model.publication.ErrorKind`.
    reconciled, query_tags
        Of the spaces that have any.
    trouble
        What a human must mend, a sentence each; empty when all is well.
    counted_up_to
        Where the counts of `waiting` and of `fhir_errors` stop, each; None where they do not.
    """

    as_of: datetime
    spaces: tuple[SpaceCounts, ...]
    waiting: Waiting
    oldest_unindexed_seconds: int | None
    queues: tuple[QueueState, ...]
    refused_deliveries: Mapping[str, int]
    fhir_errors: Mapping[str, int]
    reconciled: tuple[PassState, ...]
    query_tags: tuple[TagProgress, ...]
    trouble: tuple[str, ...]
    counted_up_to: int | None

    def as_json(self) -> str:
        """One object; it names no patient."""
        return json.dumps(asdict(self), separators=(",", ":"), default=datetime.isoformat)
