"""`imaging`, the operators' command: what the system holds and waits for, what is wrong, and how to mend it."""

from pathlib import Path
from typing import Any

import click

from functions.operate import terminal
from functions.operate.backfill import backfill
from functions.operate.errors import errors
from functions.operate.explain import explain
from functions.operate.publish import publish
from functions.operate.reconcile import reconcile
from functions.operate.redrive import redrive
from functions.operate.replay import replay
from functions.operate.revisions import revisions
from functions.operate.status import status
from imaging.errors import ImagingError


class _Commands(click.Group):
    """Says in a sentence what failed, where a process would log it and try again."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ImagingError as failure:
            raise click.ClickException(terminal.failed(failure)) from failure


@click.group(
    cls=_Commands,
    help="""Look after an imaging ingestion deployment.

    \b
    Something seems wrong?
      imaging status                   what is held, what waits, and what is in trouble
      imaging errors                   everything that waits for a human
      imaging explain index_instance   why messages ended as dead letters
      imaging redrive index_instance   another try for them, when the cause is mended
      imaging publish --all-failed     another try for what the FHIR server refused

    \b
    Add --state-dir to speak to a local run:
      imaging --state-dir .local status

    Exit code 0: all is well. 1: something is wrong that a human must mend, or the
    command failed; it says which. 2: the command was called wrongly.
    """,
    epilog="Without --state-dir the deployed stacks are asked, with the credentials and region of your AWS profile.",
)
@click.option(
    "--state-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Speak to the local run that keeps its state here (as `make run` does in .local).",
)
@click.pass_context
def imaging(context: click.Context, state_dir: Path | None) -> None:
    """Choose the deployment; a command that only shows its help needs none."""
    context.obj = state_dir


for each in (status, errors, explain, redrive, publish, revisions, replay, reconcile, backfill):
    imaging.add_command(each)
