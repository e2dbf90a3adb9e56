"""What the log says of storage commitment: a line for each result that was told, or could not be."""

from typing import Any

from aws_lambda_powertools import Logger

from functions.dimse.metrics import metrics
from imaging.errors import nameless
from imaging.model.commitment import Commitment, CommitmentKey


class StructuredCommitmentJournal:
    """`imaging.dimse.storage_commitment_journal.CommitmentJournal` in JSON lines, from any thread."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def reported(self, commitment: Commitment, failures: int) -> None:
        """Count the instances, the committed and the others."""
        self._logger.info(
            "Commitment reported",
            tries=commitment.tries + 1,
            **_names(commitment.key),
            **metrics(
                {"space": commitment.key.space},
                {"InstancesCommitted": len(commitment.references) - failures, "InstancesNotCommitted": failures},
            ),
        )

    def put_off(self, commitment: Commitment, reason: str, wait_seconds: float) -> None:
        """Say why, and when it is told again."""
        self._logger.warning(
            "Commitment not reported yet",
            tries=commitment.tries + 1,
            why=reason,
            wait_seconds=round(wait_seconds),
            space=commitment.key.space,
            **_names(commitment.key),
        )

    def dropped(self, commitment: Commitment, reason: str) -> None:
        """Say that the requester has to ask again."""
        self._logger.error(
            "Commitment dropped",
            tries=commitment.tries,
            why=reason,
            **_names(commitment.key),
            **metrics({"space": commitment.key.space}, {"CommitmentsDropped": 1}),
        )

    def commitments_failed(self, failure: Exception) -> None:
        """Say where the fault is."""
        self._logger.error("Commitments failed", extra=nameless(failure))

    def commitment_failed(self, key: CommitmentKey, failure: Exception) -> None:
        """Say where the fault is."""
        self._logger.error("Commitment failed", space=key.space, **_names(key), extra=nameless(failure))


def _names(key: CommitmentKey) -> dict[str, Any]:
    return {"calling_ae_title": key.requester_ae_title, "TransactionUID": key.transaction_uid}
