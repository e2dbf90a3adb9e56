"""`imaging status`: the dashboard's figures, but for those that CloudWatch alone has."""

import os
from pathlib import Path

import click
from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from functions.operate import chosen, terminal
from imaging import bootstrap
from imaging.model.queues import QueueKind
from imaging.reading.status import PassState, Status, Waiting
from imaging.reading.tag_progress import TagProgress


@click.command(
    help="""Show what is held, what waits, and what is in trouble.

    \b
    imaging status                        look
    imaging status --json | jq .trouble   only what is wrong
    imaging status > /dev/null || page    exit code 1 when a human must mend something

    Totals are as of the last change that the feed of a space took. Ages of
    messages come from CloudWatch, some minutes late.
    """
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@click.pass_obj
def status(state_dir: Path | None, as_json: bool) -> None:
    """Show what is held, what waits, and what is in trouble."""
    deployment = chosen.deployment(state_dir)
    with terminal.working("reading"):
        report = bootstrap.status(os.environ)()
    if as_json:
        click.echo(report.as_json())
    else:
        _show(terminal.results(), deployment.name, report)
    if report.trouble:
        raise SystemExit(1)


def _show(console: Console, name: str, report: Status) -> None:
    spaces = terminal.table(
        "space", "#studies", "#series", "#instances", "#size", "#changes told", "#last hour", title=name
    )
    for space in report.spaces:
        counts = (f"{count:,}" for count in (space.studies, space.series, space.instances))
        spaces.add_row(space.space, *counts, decimal(space.bytes), f"{space.changes:,}", f"{space.changes_last_hour:,}")
    console.print(spaces)
    queues = terminal.table("queue", "#waiting", "#under way", "#oldest", "#dead letters", "#refused")
    for queue in report.queues:
        figures = queue.figures
        dead = Text(f"{figures.dead_letters:,}", style=terminal.TROUBLE if figures.dead_letters else "")
        oldest = terminal.age(figures.oldest_seconds)
        refused = f"{report.refused_deliveries.get(queue.name, 0):,}" if queue.kind is QueueKind.DELIVER else ""
        queues.add_row(queue.name, f"{figures.waiting:,}", f"{figures.under_way:,}", oldest, dead, refused)
    console.print(queues)
    if report.oldest_unindexed_seconds is not None:
        console.print(
            f"The oldest object that is not indexed waits for {terminal.age(report.oldest_unindexed_seconds)}."
        )
    if report.fhir_errors:
        not_in_fhir = ", ".join(f"{count:,} {kind}" for kind, count in report.fhir_errors.items())
        console.print(f"Studies that are not in FHIR, or not whole: {not_in_fhir}.", soft_wrap=True)
    for line in _lines(report.waiting):
        console.print(line, soft_wrap=True)
    for each in report.reconciled:
        console.print(_reconciled(each), soft_wrap=True)
    for progress in report.query_tags:
        _show_tags(console, progress)
    terminal.trouble(console, report.trouble)
    if not report.trouble:
        console.print("All is well.", style=terminal.WELL)


def _lines(waiting: Waiting) -> list[str]:
    lines = []
    if waiting.studies_open:
        overdue = f", {waiting.studies_overdue} of them overdue" if waiting.studies_overdue else ""
        lines.append(f"{waiting.studies_open:,} studies are open{overdue}.")
    for count, what, seconds in (
        (
            waiting.changes_unannounced,
            "changes of instances are not in the feed yet",
            waiting.changes_unannounced_seconds,
        ),
        (waiting.events_unannounced, "batches of the feed are not on the bus yet", waiting.events_unannounced_seconds),
        (waiting.revisions_unannounced, "revisions are not on the bus yet", waiting.revisions_unannounced_seconds),
        (waiting.revisions_unpublished, "revisions are not in FHIR yet", waiting.fhir_lag_seconds),
    ):
        if count:
            lines.append(f"{count:,} {what}; the oldest waits for {terminal.age(seconds)}.")
    if waiting.commitments_pending:
        lines.append(f"Results of storage commitment that are not confirmed yet: {waiting.commitments_pending:,}.")
    return lines or ["Nothing is waiting: every study has its revision, and every revision is told."]


def _reconciled(last: PassState) -> str:
    when = f"reconciled {terminal.since(last.ended)} ago" if last.ended else "is being reconciled"
    return (
        f"{last.space} {when}: {last.instances:,} instances of {last.studies:,} studies compared, "
        f"{last.indexed:,} indexed, {last.restored_studies:,} studies restored, {last.failed:,} failed."
    )


def _show_tags(console: Console, progress: TagProgress) -> None:
    for tag in progress.ready:
        console.print(f"{progress.space}: {tag} is searchable", soft_wrap=True)
    for tag in progress.pending:
        done = f"{progress.studies_done} of about {progress.studies_in_all} studies"
        console.print(f"{progress.space}: {tag} is being indexed, {progress.percent} %, {done}", soft_wrap=True)
