"""The log of the DIMSE process: a line per association, which is its metrics too, and one per refused instance."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from imaging.dimse.journal import AssociationEnd, AssociationRecord, Refusal
from imaging.errors import Unavailable, nameless


class StructuredJournal:
    """Writes JSON lines, from any thread."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def refused(self, association: AssociationRecord, refusal: Refusal) -> None:
        """Name the instance by its UIDs."""
        self._logger.warning(
            "Refused an instance",
            space=association.space,
            calling_ae_title=association.calling_ae_title,
            status=f"0x{refusal.status:04X}",
            cause=refusal.cause,
            SOPClassUID=refusal.sop_class_uid,
            SOPInstanceUID=refusal.sop_instance_uid,
        )

    def ended(self, association: AssociationRecord) -> None:
        """Say what became of the association, in CloudWatch's embedded metric format as well."""
        details: dict[str, Any] = {
            "calling_ae_title": association.calling_ae_title,
            "called_ae_title": association.called_ae_title,
            "duration_seconds": round(association.duration_seconds, 3),
        }
        if association.end is AssociationEnd.REJECTED:
            self._logger.warning(
                "Association rejected",
                **details,
                because=association.rejected_because,
                **_metrics(AssociationsRejected=1),
            )
            return
        write = self._logger.info if association.end is AssociationEnd.RELEASED else self._logger.warning
        write(
            f"Association {association.end}",
            **details,
            **_metrics(
                space=association.space,
                Associations=1,
                InstancesStored=association.stored,
                InstancesRefused=association.refused,
            ),
        )

    def failed(self, association: AssociationRecord, operation: str, failure: Exception) -> None:
        """Say where the fault is, and nothing of what was asked."""
        self._logger.error("A request failed", operation=operation, space=association.space, extra=nameless(failure))

    def hint_lost(self, association: AssociationRecord, failure: Unavailable) -> None:
        """Say that a study was not finished early."""
        self._logger.warning("A hint was lost", space=association.space, why=str(failure))


def _metrics(space: str = "", **counts: int) -> dict[str, Any]:
    """What makes a line CloudWatch metrics, in the embedded metric format."""
    metrics = EphemeralMetrics()  # a set of its own: the one of Metrics() is shared by all threads
    if space:
        metrics.add_dimension("space", space)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    return {**metrics.serialize_metric_set()}
