"""`imaging errors`: everything that waits for a human."""

import os
from pathlib import Path

import click
from rich.console import Console

from functions.operate import chosen, fhir_errors, terminal
from imaging import bootstrap
from imaging.model.publication import ErrorKind
from imaging.reading.read_errors import Errors

_SHOWN = 20


@click.command(
    help="""Show what no retry will mend: dead letters, quarantine, refused deliveries, what is not in FHIR.

    \b
    imaging errors                        what is there; exit code 1 if a human must mend any of it
    imaging errors --json                 the same for scripts
    imaging errors --at-most 10000        reasons of more of it
    imaging errors --kind not-published   every study that FHIR has not got, and why

    What could not be written to FHIR is of five kinds; the next success clears it:

    \b
    invalid-tag         published without what some attributes should have given
    not-published       the study cannot be in FHIR as it is
    fhir-refused        the server refuses it
    retrying            the server did not answer; it is asked again by itself
    retries-exhausted   it was asked long enough

    Objects in quarantine are counted by reason and never named: a key may name a
    patient. Each carries its reason as the object metadata `reason`.
    """
)
@click.option(
    "--at-most",
    default=100,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="How many letters of a queue, objects of a quarantine and studies of a kind to look into; all are counted.",
)
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in ErrorKind]),
    help="Only what could not be written to FHIR, and of that only this kind.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@click.pass_obj
def errors(state_dir: Path | None, at_most: int, kind: str | None, as_json: bool) -> None:
    """Show what no retry will mend: dead letters, quarantine, refused deliveries, what is not in FHIR."""
    chosen.deployment(state_dir)
    if kind:
        fhir_errors.tell(bootstrap.errors(os.environ).of_kind(ErrorKind(kind), at_most), as_json=as_json)
        return
    with terminal.working("looking") as line:
        found = bootstrap.errors(os.environ)(at_most, lambda what: line(f"looking at {what}"))
    if as_json:
        terminal.tell_json(found)
    else:
        _show(terminal.results(), found)
    if found.needs_human:
        raise SystemExit(1)


def _show(console: Console, found: Errors) -> None:
    if not found.needs_human:
        console.print("Nothing waits for a human.", style=terminal.WELL)
    if found.dead_letters:
        letters = terminal.table(
            "queue", "#dead letters", "#oldest", "why: `imaging explain QUEUE`", title="Dead letters"
        )
        for left in found.dead_letters:
            reasons = "\n".join(f"{count} x {reason}" for reason, count in left.reasons.items())
            letters.add_row(left.queue, f"{left.letters:,}", terminal.since(left.oldest), reasons)
        console.print(letters)
    if found.quarantine:
        aside = terminal.table("space", "#objects", "reason", title="Set aside under quarantine/")
        for space in found.quarantine:
            for reason, count in space.reasons.items():
                aside.add_row(space.space, f"{count:,}", reason)
            if unread := space.objects - space.looked_at:
                aside.add_row(space.space, f"{unread:,}", "not looked into: --at-most")
        console.print(aside)
        console.print("They stay until you delete them; what was mended is dropped under incoming/ once more.")
    if found.refused:
        refused = terminal.table("binding", "space", "study", "#refused", title="Refused by targets")
        for each in found.refused[:_SHOWN]:
            refused.add_row(each.binding, each.space, each.study, f"{each.deliveries:,}")
        console.print(refused)
        terminal.say_further(console, len(found.refused) - _SHOWN)
        console.print("`imaging explain BINDING` says why; GET studies/STUDY/deliveries has all of it.")
    if found.fhir:
        fhir_errors.show(console, found.fhir, _SHOWN)
    if found.unpublished:
        unpublished = terminal.table("space", "study", "#revision", "#waits for", title="Not in FHIR for long")
        for revision in found.unpublished[:_SHOWN]:
            unpublished.add_row(
                revision.space, revision.study, str(revision.revision), terminal.since(revision.created)
            )
        console.print(unpublished)
        terminal.say_further(console, len(found.unpublished) - _SHOWN)
        console.print(
            "The sweep announces them again every four hours for a day. After that, when the FHIR server is well: "
            "`imaging redrive publish_study`, or `imaging publish` for those that are no dead letters.",
            soft_wrap=True,
        )
