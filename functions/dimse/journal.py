"""The log of the DIMSE process: a line per association, which is its metrics too, and one per refused instance."""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger

from functions.dimse.metrics import metrics
from imaging.dimse.journal import AssociationEnd, AssociationRecord, Refusal
from imaging.dimse.operations import Operations
from imaging.errors import Unavailable, nameless

ASSOCIATIONS_IN_FLIGHT = "AssociationsInFlight"
"""Of the task, told once a minute; the number of tasks follows it."""

MILLISECONDS_OF_OPERATION = {
    "C_ECHO": "EchoMilliseconds",
    "C_STORE": "StoreMilliseconds",
    "C_FIND": "FindMilliseconds",
    "C_MOVE": "MoveMilliseconds",
    "C_GET": "GetMilliseconds",
    "N_ACTION": "CommitMilliseconds",
}
"""The metrics of how long requests took, from the last byte of each to the last response."""

_MAX_STUDIES = 10  # named in a line
_MAX_INSTANCES = 10


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

    def not_sent(self, association: AssociationRecord, cause: str, sop_instance_uids: Sequence[str]) -> None:
        """Name a few of the instances by their UIDs."""
        self._logger.warning(
            "Instances were not sent",
            space=association.space,
            calling_ae_title=association.calling_ae_title,
            cause=cause,
            instances=len(sop_instance_uids),
            SOPInstanceUIDs=list(sop_instance_uids[:_MAX_INSTANCES]),
        )

    def ended(self, association: AssociationRecord) -> None:
        """Say what became of the association, in CloudWatch's embedded metric format as well."""
        who: dict[str, Any] = {
            "calling_ae_title": association.calling_ae_title,
            "called_ae_title": association.called_ae_title,
            "address": association.address,
            "tls": association.is_encrypted,
            "duration_seconds": round(association.duration_seconds, 3),
        }
        if association.end is AssociationEnd.REJECTED:
            because = {"reason": association.rejected_because}
            self._logger.warning("Association rejected", **who, **metrics(because, {"AssociationsRejected": 1}))
            return
        write = self._logger.info if association.end is AssociationEnd.RELEASED else self._logger.warning
        counts = {
            "Associations": 1,
            "InstancesStored": association.stored,
            "InstancesRefused": association.refused,
            "InstancesSent": association.sent,
            "BytesReceived": association.bytes_received,
            "BytesSent": association.bytes_sent,
        }
        milliseconds = {
            MILLISECONDS_OF_OPERATION[name]: [round(1000 * seconds, 1) for seconds in requests.latencies_seconds]
            for name, requests in association.operations.items()
            if name in MILLISECONDS_OF_OPERATION
        }
        write(
            f"Association {association.end}",
            **who,
            statuses={name: _statuses(requests) for name, requests in association.operations.items()},
            studies=len(association.studies),
            StudyInstanceUIDs=sorted(study.study_instance_uid for study in association.studies)[:_MAX_STUDIES],
            **metrics({"space": association.space}, counts, milliseconds),
        )

    def failed(self, association: AssociationRecord, operation: str, failure: Exception) -> None:
        """Say where the fault is, and nothing of what was asked."""
        self._logger.error("A request failed", operation=operation, space=association.space, extra=nameless(failure))

    def hint_lost(self, association: AssociationRecord, failure: Unavailable) -> None:
        """Say that a study was not finished early."""
        self._logger.warning("A hint was lost", space=association.space, why=str(failure))

    def handshake_failed(self, address: str, why: str) -> None:
        """Say who could not be spoken to in secret."""
        self._logger.warning("TLS handshake failed", address=address, why=why, **metrics({}, {"HandshakesFailed": 1}))

    def certificate_missing(self, failure: Unavailable) -> None:
        """Say that nobody comes in by TLS."""
        self._logger.error("TLS has no certificate; nobody comes in by it until it has", why=str(failure))

    def certificate_kept(self, failure: Unavailable) -> None:
        """Say that a certificate may run out."""
        self._logger.error("TLS goes on with the certificate read before", why=str(failure))

    def listening(self, port: int, tls_port: int | None, workers: int) -> None:
        """Say that whoever calls is served from now on."""
        tls: dict[str, Any] = {"tls_port": tls_port} if tls_port else {}
        self._logger.info("Listening for DICOM associations", port=port, **tls, workers=workers)

    def watch_failed(self, failure: Exception) -> None:
        """Say where the fault is that kept the supervisor from saying something else."""
        self._logger.error("The supervisor could not say what it saw", extra=nameless(failure))

    def worker_died(self, code: int) -> None:
        """Say that associations were cut; another worker takes the place."""
        self._logger.error("A worker died", exit_code=code, **metrics({}, {"WorkersDied": 1}))

    def in_flight(self, associations: int) -> None:
        """Say how many associations run."""
        self._logger.info("In flight", **metrics({}, {ASSOCIATIONS_IN_FLIGHT: associations}))


def _statuses(requests: Operations) -> dict[str, int]:
    """How many requests were answered with which status."""
    return {"none" if status is None else f"0x{status:04X}": count for status, count in requests.statuses.most_common()}
