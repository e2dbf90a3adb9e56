"""`imaging replay`: a binding delivers once more."""

import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from functions.operate import chosen, terminal
from imaging import bootstrap
from imaging.distribution.replay import Progress, Replay, Replayed
from imaging.errors import ImagingError, Rejected, RejectReason
from imaging.model.identifiers import StudyKey

_NOT_THERE = {RejectReason.NO_SUCH_SPACE, RejectReason.NO_SUCH_RESOURCE}

InSpace = Callable[[Progress], Replayed]


def _moment(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("Give ISO 8601 with a zone, such as 2026-11-22T06:00Z.") from error
    if moment.tzinfo is None:
        raise click.BadParameter(f"Say the zone of it, such as {text}Z or {text}+01:00.")
    return moment


@click.command(
    help="""Let a binding deliver once more: a study, a time range, or everything.

    \b
    imaging replay --binding to-research --study 1.2.840.113619.2.5.1762583153
    imaging replay --binding to-pacs --since 2026-11-21T18:00Z --until 2026-11-22T06:00Z
    imaging replay --binding to-archive --all --space main
    imaging replay --binding to-archive --all --again      what was delivered, too

    Without --again the ledger of deliveries counts: what the target has confirmed
    is skipped, so it is safe to replay too much. Deliveries then take their usual
    way: imaging status shows the binding's queue. Interrupt it at any time; it says
    how to go on.
    """
)
@click.option("--binding", required=True, help="The name of the binding, as the configuration has it.")
@click.option("--study", help="One study, by its Study Instance UID.")
@click.option("--since", callback=_moment, metavar="TIME", help="What changed from then on: ISO 8601 with a zone.")
@click.option("--until", callback=_moment, metavar="TIME", help="And before then; until now unless given.")
@click.option("--all", "everything", is_flag=True, help="All studies that are stored.")
@click.option("--space", "only", help="Only of this storage space; of all that the binding is about unless given.")
@click.option("--again", is_flag=True, help="Deliver again what the target has confirmed, too.")
@click.option("--after", default="", metavar="CURSOR", help="Go on where a replay of one space was interrupted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a space, for scripts.")
@click.pass_obj
def replay(
    state_dir: Path | None,
    binding: str,
    study: str | None,
    since: datetime | None,
    until: datetime | None,
    everything: bool,
    only: str | None,
    again: bool,
    after: str,
    as_json: bool,
) -> None:
    """Let a binding deliver once more: a study, a time range, or everything."""
    if (study is not None) + (since is not None) + everything != 1:
        raise click.UsageError("Say what to replay: one of --study, --since and --all.")
    if until and not since:
        raise click.UsageError("--until needs --since.")
    if after and (study or not only):
        raise click.UsageError("--after needs --space, and --since or --all.")
    spaces = chosen.spaces(chosen.deployment(state_dir), only)
    once_more = bootstrap.replay(os.environ, binding, again=again)
    done = 0
    for space in spaces:
        in_space = _in_space(once_more, space, study, since, until, after)
        try:
            replayed = _with_progress(space, in_space)
        except Rejected as rejected:
            if only or rejected.reason not in _NOT_THERE:
                raise
            continue
        done += 1
        if as_json:
            terminal.tell_json({"binding": binding, "space": space, **asdict(replayed)})
        else:
            messages = terminal.counted(replayed.messages, "message")
            click.echo(f"{space}: {messages} put into the queue of {binding}; studies: {replayed.studies:,}")
    if not done:
        raise click.ClickException(f"There is nothing of that for {binding} in {' or '.join(spaces)}.")


def _in_space(
    once_more: Replay, space: str, study: str | None, since: datetime | None, until: datetime | None, after: str
) -> InSpace:
    if study:
        return lambda _: once_more.study(StudyKey(space, study))
    if since:
        range_ = partial(once_more.time_range, space, since, until or bootstrap.now(), after=after)
        return lambda progress: range_(progress=progress)
    return lambda progress: once_more.everything(space, after=after, progress=progress)


def _with_progress(space: str, in_space: InSpace) -> Replayed:
    reached = ""
    with terminal.working(f"{space}: reading") as line:

        def progress(so_far: Replayed) -> None:
            nonlocal reached
            reached = so_far.cursor
            line(f"{space}: {so_far.messages:,} deliveries of {so_far.studies:,} studies, at {so_far.cursor}")

        try:
            return in_space(progress)
        except Rejected:
            raise
        except (ImagingError, KeyboardInterrupt) as failure:
            if reached:
                click.echo(f"To go on, repeat the command with --space {space} --after {reached}", err=True)
            raise failure
