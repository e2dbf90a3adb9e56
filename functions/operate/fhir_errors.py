"""What could not be written to FHIR, as `imaging errors` shows it: what each kind means, and what to do."""

from collections.abc import Sequence

from rich.console import Console

from functions.operate import terminal
from imaging.model.publication import ErrorKind
from imaging.reading.read_errors import FhirErrorsLeft

_MEANS = {
    ErrorKind.INVALID_TAG: (
        "published, without what these attributes should have given",
        "nothing must be; who corrects the attributes stores the study again",
    ),
    ErrorKind.NOT_PUBLISHED: (
        "the study cannot be in FHIR as it is",
        "mend what is said: a study that changes is published by itself; else `imaging publish --kind not-published`",
    ),
    ErrorKind.FHIR_REFUSED: (
        "the FHIR server refuses it, and is not asked again",
        "mend what the server refuses, then `imaging publish --kind fhir-refused`",
    ),
    ErrorKind.RETRYING: (
        "the FHIR server did not answer, or is busy",
        "nothing: it is asked again for an hour and a half",
    ),
    ErrorKind.RETRIES_EXHAUSTED: (
        "the FHIR server was asked for an hour and a half",
        "when it is well: `imaging redrive publish_study`",
    ),
}


def tell(left: FhirErrorsLeft, *, as_json: bool) -> None:
    """All of one kind that was looked at; exit code 1 if a human must mend it."""
    if as_json:
        terminal.tell_json(left)
    elif left.studies:
        show(terminal.results(), [left], len(left.newest))
    else:
        terminal.results().print(f"No study is {left.kind.value}.", style=terminal.WELL)
    if left.studies and left.kind.needs_human:
        raise SystemExit(1)


def show(console: Console, found: Sequence[FhirErrorsLeft], at_most: int) -> None:
    """How many there are of each kind and what to do, then the newest of those that there is something to do about."""
    kinds = terminal.table("kind", "#studies", "what it means", "what to do", title="Not in FHIR, or not whole")
    for left in found:
        kinds.add_row(left.kind.value, f"{left.studies:,}", *_MEANS[left.kind])
    console.print(kinds)
    for left in found:
        if left.kind.needs_human or len(found) == 1:
            _show_newest(console, left, at_most)


def _show_newest(console: Console, left: FhirErrorsLeft, at_most: int) -> None:
    newest = terminal.table("space", "study", "#revision", "#tries", "#since", "why", title=left.kind.value)
    for each in left.newest[:at_most]:
        since = terminal.since(each.time)
        newest.add_row(each.space, each.study, str(each.revision), str(each.attempts), since, each.message)
    console.print(newest)
    if further := left.studies - len(left.newest[:at_most]):
        console.print(f"and {further:,} more: `imaging errors --kind {left.kind.value} --at-most 10000` lists them")
