"""Why something did not reach a binding's target: messages of deliveries among the dead letters."""

from collections.abc import Mapping
from typing import Any

from imaging.model.delivery import Delivery, Outcome
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.queues import QueueKind, refusal_of
from imaging.ports.ledger import DeliveryLedger
from imaging.reading.explanation import REDRIVE_AWAY, Cause, Explanation


class ExplainDelivery:
    """Looks the delivery up in the ledger; a refused message brings its reason along."""

    def __init__(self, ledger: DeliveryLedger) -> None:
        self._ledger = ledger

    def __call__(self, binding: str, body: Mapping[str, Any]) -> Explanation:
        """Explain an event that a binding was to deliver."""
        detail = body["detail"]
        about = {
            "binding": binding,
            **{
                name: str(detail[name])
                for name in ("space", "study", "series", "instance", "revision")
                if name in detail
            },
        }
        entry = self._entry(binding, detail)
        refusal = refusal_of(body)
        why = refusal or (entry.reason if entry else "")
        if entry and entry.outcome in (Outcome.DELIVERED, Outcome.SUPERSEDED):
            return Explanation(
                QueueKind.DELIVER,
                about,
                Cause.DONE_SINCE,
                "It, or what followed it, has been delivered since.",
                REDRIVE_AWAY,
            )
        if refusal or (entry and entry.outcome is Outcome.REFUSED):
            return Explanation(
                QueueKind.DELIVER,
                about,
                Cause.REFUSED,
                why or "The target refuses it.",
                "Mend what the target refuses, then redrive.",
            )
        tried = f" in {entry.tries} tries" if entry else ""
        return Explanation(
            QueueKind.DELIVER,
            about,
            Cause.NOT_DONE,
            f"The target did not take it{tried}. {why}".rstrip(),
            "See that the target answers, then redrive.",
        )

    def _entry(self, binding: str, detail: Mapping[str, Any]) -> Delivery | None:
        """What became of it, or of the version or the revision that took its place."""
        if "instance" in detail:
            key = InstanceKey(detail["space"], detail["study"], detail["series"], detail["instance"])
            entry = self._ledger.read_instance(binding, key)
            return entry if entry and entry.number >= int(detail["change_number"]) else None
        entries = self._ledger.read_revisions(binding, StudyKey(detail["space"], detail["study"]))
        entry = entries.get(int(detail["revision"]))
        return entries[max(entries)] if entry and entry.outcome is Outcome.SUPERSEDED else entry
