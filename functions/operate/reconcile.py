"""`imaging reconcile`: buckets against manifest."""

import os
from datetime import timedelta
from pathlib import Path

import click

from functions.operate import chosen, terminal
from imaging import bootstrap
from imaging.errors import ImagingError
from imaging.model.reconciliation import Pass
from imaging.pipeline.retell_drops import LEFT_BEHIND

_FOUND = (
    ("restored_studies", "studies restored"),
    ("indexed", "instances indexed"),
    ("marked_again", "marks of work left put back"),
    ("overdue_studies", "studies open for long"),
    ("unannounced", "changes not told for long"),
    ("orphans", "orphaned objects removed"),
    ("unnamed_metadata", "objects of series metadata that nothing names"),
    ("strangers", "objects that are none of ours"),
    ("failed", "failed"),
)


@click.command(
    help="""Compare buckets and manifest, both ways, and mend what differs.

    \b
    imaging reconcile                       all spaces, from the beginning
    imaging reconcile --space main          one of them
    imaging reconcile --resume              goes on where the last one was interrupted

    S3 is the truth. Instances whose event was lost are indexed, rows whose object
    is gone become deletions, and a manifest that was lost comes back, histories
    included. What was left under incoming/ is told of again, and so stored. The
    deployment does the same by itself, every week; a run from the beginning takes
    over from it, and --resume goes on with it. Interrupt it at any time. Exit code 1 if anything could not be compared.
    """
)
@click.option("--space", "only", help="Only this storage space; all of them unless given.")
@click.option("--resume", is_flag=True, help="Go on with the pass that was interrupted, if there is one.")
@click.option(
    "--drops-older-than",
    "minutes",
    type=click.FloatRange(min=0),
    default=LEFT_BEHIND / timedelta(minutes=1),
    show_default=True,
    help="Minutes after which an object under incoming/ is told of again.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a space, for scripts.")
@click.pass_obj
def reconcile(state_dir: Path | None, only: str | None, resume: bool, minutes: float, as_json: bool) -> None:
    """Compare buckets and manifest, both ways, and mend what differs."""
    failed = 0
    for space in chosen.spaces(chosen.deployment(state_dir), only):
        drops = _retell_drops(space, timedelta(minutes=minutes))
        done = _reconcile(space, resume=resume)
        failed += done.found.failed
        if as_json:
            terminal.tell_json(
                {
                    "space": space,
                    "began": done.began_at,
                    "ended": done.ended_at,
                    "drops_told_again": drops,
                    **done.found.as_counts(),
                }
            )
        else:
            if drops:
                click.echo(f"{space}: {drops:,} objects under incoming/ told of again")
            click.echo(f"{space}: {_said(done)}")
            for study in done.found.failed_studies:
                click.echo(f"{space}: study {study} could not be compared now")
    if failed:
        raise click.ClickException("Some of it could not be brought up now; run the command again.")


def _retell_drops(space: str, older_than: timedelta) -> int:
    try:
        return bootstrap.retell_drops(os.environ)(space, older_than)
    except ImagingError as failure:
        raise click.ClickException(f"{space}: {terminal.failed(failure)} Run the command again.") from failure


def _reconcile(space: str, *, resume: bool) -> Pass:
    go_on = f"go on with: imaging reconcile --space {space} --resume"
    with terminal.working(f"{space}: reading the bucket") as line:

        def progress(so_far: Pass) -> None:
            line(f"{space}: {_said(so_far)}; now in the {so_far.phase} at {so_far.position}")

        try:
            return bootstrap.reconcile(os.environ, terminal.warn)(space, resume=resume, progress=progress)
        except ImagingError as failure:
            raise click.ClickException(f"{space}: {terminal.failed(failure)} To {go_on}") from failure
        except KeyboardInterrupt:
            click.echo(f"{space}: interrupted; {go_on}", err=True)
            raise


def _said(so_far: Pass) -> str:
    counts = so_far.found.as_counts()
    found = [f"{counts[name]:,} {what}" for name, what in _FOUND if counts[name]]
    compared = f"{so_far.found.instances:,} instances of {so_far.found.studies:,} studies compared"
    return ", ".join([compared, *(found or ["nothing to mend"])])
