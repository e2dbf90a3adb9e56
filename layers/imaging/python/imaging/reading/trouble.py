"""What of a deployment's status a human must mend."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from imaging.model.publication import ErrorKind
from imaging.model.queues import QueueKind
from imaging.reading.status import PassState, QueueState, Waiting

OVERDUE = timedelta(minutes=15)
"""The sweep takes up within minutes what was lost; what is left after so long is in trouble."""
LONG_UNPUBLISHED = timedelta(hours=1)
TOO_OLD = timedelta(minutes=30)
"""Of a message to a stage of ours, as the alarm has it; a binding's target may be down for longer."""


def trouble(
    waiting: Waiting,
    queues: Sequence[QueueState],
    refused: Mapping[str, int],
    reconciled: Sequence[PassState],
    fhir_errors: Mapping[str, int],
    counted_up_to: int | None,
) -> Iterator[str]:
    """A sentence for each, with what to do; none when all is well."""
    for queue in queues:
        if count := queue.figures.dead_letters:
            letters = "dead letter" if count == 1 else "dead letters"
            yield f"{count:,} {letters} in {queue.name}: `imaging explain {queue.name}` says why."
        if queue.kind is not QueueKind.DELIVER and (queue.figures.oldest_seconds or 0) > TOO_OLD.total_seconds():
            yield f"The oldest message in {queue.name} waits for more than half an hour: its process does not keep up."
    for binding, count in refused.items():
        deliveries = "delivery" if count == 1 else "deliveries"
        yield f"The target of {binding} refuses {count:,} {deliveries}: `imaging errors` lists the studies."
    for kind, count in fhir_errors.items():
        if ErrorKind(kind).needs_human:
            studies = "study" if count == 1 else "studies"
            more = " or more" if count == counted_up_to else ""
            yield f"{count:,}{more} {studies} could not be written to FHIR: `imaging errors --kind {kind}` says why."
    for each in reconciled:
        if each.ended and each.failed:
            yield f"The last reconcile of {each.space} could not bring up {each.failed}: see the log of reconcile."
    if count := waiting.studies_overdue:
        studies = "study" if count == 1 else "studies"
        yield (
            f"{count:,} {studies} should have had a revision {OVERDUE.seconds // 60} minutes ago: "
            "see the logs of sweep and finalize_study."
        )
    untold = (
        ("changes", waiting.changes_unannounced_seconds),
        ("events", waiting.events_unannounced_seconds),
        ("revisions", waiting.revisions_unannounced_seconds),
    )
    for what, seconds in untold:
        if (seconds or 0) > OVERDUE.total_seconds():
            yield f"There are {what} that nobody was told of for {OVERDUE.seconds // 60} minutes: see the log of sweep."
    if (waiting.fhir_lag_seconds or 0) > LONG_UNPUBLISHED.total_seconds():
        yield "Revisions have not reached FHIR for more than an hour: `imaging errors` lists them."
