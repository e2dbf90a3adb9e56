"""`imaging publish`: studies go to the FHIR server once more."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from functions.operate import chosen, terminal
from imaging import bootstrap
from imaging.dicom.uid import check_uid
from imaging.errors import ImagingError, Rejected, RejectReason
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind
from imaging.pipeline.publish_again import AskedFor, Progress, PublishAgain

InSpace = Callable[[Progress], AskedFor]


def _uid(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return check_uid("StudyInstanceUID", text)
    except Rejected as rejected:
        raise click.BadParameter(str(rejected)) from rejected


@click.command(
    help="""Publish to the FHIR server once more: a study, what failed, or a whole space.

    \b
    imaging publish --study 1.2.840.113619.2.5.1762583153
    imaging publish --kind fhir-refused       when the server takes now what it refused
    imaging publish --all-failed              all that waits for a human
    imaging publish --space main              every study, as when the FHIR server was restored

    Each study's latest revision is compared with what the server has, and only what
    differs is written, so it is safe to publish too much. Messages go into the queue
    of publish_study: imaging status shows it, imaging errors what failed again.
    Interrupt it at any time; of a whole space it says how to go on.
    """
)
@click.option("--study", callback=_uid, help="One study, by its Study Instance UID.")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in ErrorKind]),
    help="The studies that imaging errors lists under this kind, the oldest first.",
)
@click.option("--all-failed", is_flag=True, help="Those of every kind that waits for a human.")
@click.option("--space", "only", help="Only of this storage space; by itself, all of its studies.")
@click.option("--after", default="", metavar="STUDY", help="Go on where publishing a whole space was interrupted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a space, for scripts.")
@click.pass_obj
def publish(
    state_dir: Path | None,
    study: str | None,
    kind: str | None,
    all_failed: bool,
    only: str | None,
    after: str,
    as_json: bool,
) -> None:
    """Publish to the FHIR server once more: a study, what failed, or a whole space."""
    chosen_ones = (study is not None) + (kind is not None) + all_failed
    if chosen_ones > 1 or not (chosen_ones or only):
        raise click.UsageError("Say what to publish: one of --study, --kind and --all-failed, or a whole --space.")
    if after and chosen_ones:
        raise click.UsageError("--after is for a whole --space.")
    kinds = [ErrorKind(kind)] if kind else [each for each in ErrorKind if each.needs_human]
    spaces = chosen.spaces(chosen.deployment(state_dir), only)
    again = bootstrap.publish_again(os.environ)
    done = 0
    for space in spaces:
        in_space = _in_space(again, space, study, kinds if chosen_ones else None, after)
        try:
            asked = _with_progress(space, in_space, is_whole=not chosen_ones)
        except Rejected as rejected:
            if rejected.reason is not RejectReason.NO_SUCH_RESOURCE:
                raise
            continue
        done += 1
        _tell(space, asked, as_json=as_json)
    if not done:
        raise click.ClickException(f"There is no revision of such a study in {' or '.join(spaces)}.")


def _in_space(again: PublishAgain, space: str, study: str | None, kinds: list[ErrorKind] | None, after: str) -> InSpace:
    if study:
        return lambda _: again.study(StudyKey(space, study))
    if kinds:
        return partial(again.failed, space, kinds)
    return lambda progress: again.everything(space, after=after, progress=progress)


def _with_progress(space: str, in_space: InSpace, *, is_whole: bool) -> AskedFor:
    reached = ""
    with terminal.working(f"{space}: reading") as line:

        def progress(so_far: AskedFor) -> None:
            nonlocal reached
            reached = so_far.cursor
            line(f"{space}: {so_far.studies:,} studies, at {so_far.cursor}")

        try:
            return in_space(progress)
        except Rejected:
            raise
        except (ImagingError, KeyboardInterrupt):
            if reached and is_whole:
                click.echo(f"To go on: imaging publish --space {space} --after {reached}", err=True)
            raise


def _tell(space: str, asked: AskedFor, *, as_json: bool) -> None:
    if as_json:
        terminal.tell_json({"space": space, "studies": asked.studies, "without_revision": asked.without_revision})
        return
    studies = "study" if asked.studies == 1 else "studies"
    has = "has" if asked.without_revision == 1 else "have"
    left_out = f"; {asked.without_revision:,} {has} no revision" if asked.without_revision else ""
    click.echo(f"{space}: asked to publish {asked.studies:,} {studies}{left_out}")
