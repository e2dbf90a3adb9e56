"""`imaging errors`: everything that waits for a human."""

import os
from pathlib import Path

import click
from rich.console import Console

from functions.operate import chosen, terminal
from imaging import bootstrap
from imaging.reading.read_errors import Errors

_SHOWN = 20


@click.command(
    help="""Show what no retry will mend: dead letters, quarantine, refused deliveries, long unpublished.

    \b
    imaging errors                    what is there; exit code 1 if there is anything
    imaging errors --json             the same for scripts
    imaging errors --at-most 10000    reasons of more of it

    Objects in quarantine are counted by reason and never named: a key may name a
    patient. Each carries its reason as the object metadata `reason`.
    """
)
@click.option(
    "--at-most",
    default=100,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="How many letters of a queue and objects of a quarantine to look into; all are counted.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@click.pass_obj
def errors(state_dir: Path | None, at_most: int, as_json: bool) -> None:
    """Show what no retry will mend: dead letters, quarantine, refused deliveries, long unpublished."""
    chosen.deployment(state_dir)
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
    if found.unpublished:
        unpublished = terminal.table("space", "study", "#revision", "#waits for", title="Not in FHIR for long")
        for revision in found.unpublished[:_SHOWN]:
            unpublished.add_row(
                revision.space, revision.study, str(revision.revision), terminal.since(revision.created)
            )
        console.print(unpublished)
        terminal.say_further(console, len(found.unpublished) - _SHOWN)
        console.print(
            "The sweep announces them again every 15 minutes for a day. After that, when the FHIR server is well: "
            'redrive publish_study, or call the function sweep with {"grace_seconds": 0}.',
            soft_wrap=True,
        )
