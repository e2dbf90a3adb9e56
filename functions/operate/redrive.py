"""`imaging redrive`: another try for dead letters."""

import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import click

from functions.operate import chosen, terminal
from imaging import bootstrap
from imaging.model.queues import Queue, QueueKind

_AGE = re.compile(r"(\d+)([smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _age(_context: click.Context, _parameter: click.Parameter, text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = _AGE.match(text)
    if match is None:
        raise click.BadParameter("Give a number and a unit, such as 30m, 2h or 1d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command(
    help="""Give the dead letters of QUEUE another try.

    \b
    imaging explain index_instance                    first see why they are there
    imaging redrive index_instance                    then send all of them back
    imaging redrive publish_study --older-than 2h     or only those

    What was done is not done twice. Letters that fail again come back, after as
    many tries as the queue allows. Those of announce_change are removed where the
    sweep has told what they were about, and left where it has not.
    """
)
@click.argument("queue")
@click.option("--older-than", metavar="AGE", callback=_age, help="Only letters first sent longer ago: 30m, 2h, 1d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@click.pass_obj
def redrive(state_dir: Path | None, queue: str, older_than: timedelta | None, as_json: bool) -> None:
    """Give the dead letters of QUEUE another try."""
    chosen.deployment(state_dir)
    of_queue = chosen.queue(queue)
    sent_before: datetime | None = bootstrap.now() - older_than if older_than else None
    with terminal.counting(f"redriving {queue}") as progress:
        moved = bootstrap.redrive(os.environ)(of_queue, sent_before, progress)
    if as_json:
        terminal.tell_json({"queue": queue, "redriven": moved})
    else:
        click.echo(_said(of_queue, moved))


def _said(queue: Queue, moved: int) -> str:
    letters = terminal.counted(moved, "letter")
    if queue.kind is QueueKind.ANNOUNCE_CHANGE:
        untold = "" if moved else "; imaging explain announce_change says what is left and why"
        return f"{letters} removed, which the sweep has told{untold}."
    further = f"; imaging status shows what becomes of {'it' if moved == 1 else 'them'}" if moved else ""
    return f"{letters} put back into {queue.name}{further}."
