"""Why a study was not finalized, told or published: messages about studies among the dead letters."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind
from imaging.model.queues import QueueKind, last_record_of
from imaging.model.study import StudyState
from imaging.ports.manifest import PendingKind, StudyFence
from imaging.ports.marks import Marks, untold_before
from imaging.ports.publication import FhirErrors
from imaging.reading.explanation import LOOK_INTO_LOG, REDRIVE_AWAY, Cause, Explanation, not_ours


class ExplainStudy:
    """Looks at the study's row, at its revisions, their marks and what FHIR says of them as they are now."""

    def __init__(self, fence: StudyFence, marks: Marks, fhir_errors: FhirErrors) -> None:
        self._fence = fence
        self._marks = marks
        self._fhir_errors = fhir_errors

    def finalize(self, body: Mapping[str, Any]) -> Explanation:
        """A timer's message."""
        study = StudyKey(body["space"], body["study"])
        row = self._fence.read_study(study)
        about = {"space": study.space, "study": study.study_instance_uid}
        if row is None:
            return Explanation(
                QueueKind.FINALIZE_STUDY,
                about,
                Cause.NOT_INDEXED,
                "The manifest has no such study: its rows were lost, or none of its objects was indexed.",
                f"Run imaging reconcile --space {study.space}, then redrive.",
            )
        if row.state is StudyState.FINAL:
            why = f"The study has been finalized since: it stands at revision {row.revision}."
            return Explanation(QueueKind.FINALIZE_STUDY, about, Cause.DONE_SINCE, why, REDRIVE_AWAY)
        why = (
            f"The study is {row.state.value} since {_said(row.opened_at)}, with its last change at "
            f"{_said(row.last_change_at)}. The sweep wakes the finalizer again every minute once it is overdue."
        )
        return Explanation(
            QueueKind.FINALIZE_STUDY, about, Cause.NOT_DONE, why, LOOK_INTO_LOG.format(process="finalize_study")
        )

    def publish(self, body: Mapping[str, Any]) -> Explanation:
        """An event about a revision."""
        detail = body["detail"]
        study, number = StudyKey(detail["space"], detail["study"]), int(detail["revision"])
        about = {"space": study.space, "study": study.study_instance_uid, "revision": str(number)}
        if self._fence.read_revision(study, number) is None:
            return Explanation(
                QueueKind.PUBLISH_STUDY,
                about,
                Cause.NOT_INDEXED,
                "The manifest has no such revision: its rows were lost.",
                f"Run imaging reconcile --space {study.space}, then redrive.",
            )
        failures = [each for each in self._fhir_errors.read_errors_of(study) if each.kind is not ErrorKind.INVALID_TAG]
        if not failures and self._marks.mark_of_revision(study, number) is not PendingKind.PUBLISH:
            why = "The revision, or a later one in its place, has been dealt with since."
            return Explanation(QueueKind.PUBLISH_STUDY, about, Cause.DONE_SINCE, why, REDRIVE_AWAY)
        return Explanation(
            QueueKind.PUBLISH_STUDY,
            about,
            Cause.REFUSED,
            failures[0].message if failures else "The FHIR server did not answer for long, or refuses the study.",
            "The log of publish_study has the study's UID with why; mend the server or what it refuses, then redrive.",
        )

    def announce(self, body: Mapping[str, Any]) -> Explanation:
        """Positions in the manifest's stream; the rows themselves say whether what they hold was told."""
        position = body.get("DDBStreamBatchInfo")
        if not position:
            return not_ours(QueueKind.ANNOUNCE_CHANGE, "names no position in the manifest's stream")
        about = {"records": str(position["batchSize"]), "until": position["approximateArrivalOfLastRecord"]}
        left = untold_before(self._marks, last_record_of(body))
        if not left:
            return Explanation(
                QueueKind.ANNOUNCE_CHANGE,
                about,
                Cause.DONE_SINCE,
                "All that these records could hold has been told since, by the sweep.",
                "Redrive the queue: it removes the letter.",
            )
        return Explanation(
            QueueKind.ANNOUNCE_CHANGE,
            about,
            Cause.NOT_DONE,
            f"{left} changes and revisions of that time are not told yet; the sweep tries every minute.",
            "The log of sweep says what fails; redrive when imaging status shows nothing unannounced of that age.",
        )


def _said(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
