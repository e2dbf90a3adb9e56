"""`imaging backfill`: what is stored, indexed by query tags that were configured since."""

import os
import time
from datetime import timedelta
from pathlib import Path

import click

from functions.operate import chosen, terminal
from imaging import bootstrap

_SLICE = timedelta(seconds=10)
_NOT_YET_SECONDS = 1.0


@click.command(
    help="""Index what is stored by query tags that were configured since, now and not minute by minute.

    \b
    imaging status                 says which tags are being indexed
    imaging backfill --space main  does it now

    The sweeper does the same by itself. Begins when processes that do not know the
    new tags have ended; interrupt it at any time.
    """
)
@click.option("--space", "only", help="Only this storage space; all of them unless given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a space, for scripts.")
@click.pass_obj
def backfill(state_dir: Path | None, only: str | None, as_json: bool) -> None:
    """Index what is stored by query tags that were configured since, now and not minute by minute."""
    for space in chosen.spaces(chosen.deployment(state_dir), only):
        with terminal.counting(f"{space}: studies") as count:
            back_fill = bootstrap.back_fill(os.environ, terminal.warn)
            while (register := back_fill(space, bootstrap.now() + _SLICE)).pending:
                count(register.studies_done, register.studies_in_all)
                # Until processes of an earlier deployment have ended a slice ends at once.
                time.sleep(_NOT_YET_SECONDS)
        if as_json:
            terminal.tell_json({"space": space, "ready": sorted(register.ready)})
        else:
            click.echo(f"{space}: all is indexed by {len(register.ready)} query tags")
