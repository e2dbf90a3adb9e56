"""`imaging`, the operators' command: what the system holds and waits for, and how to mend it."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from functions.operate.deployment import Deployment, DeploymentNotFound, of_cloudformation, of_local_run
from imaging import bootstrap
from imaging.errors import ImagingError
from imaging.pipeline.reconcile import Reconciled

_SLICE = timedelta(seconds=10)

console = Console()


@click.group(
    help="""Look after an imaging ingestion deployment.

    \b
    imaging --state-dir .local status    what a local run holds and waits for
    imaging reconcile                    buckets against manifest, mending what differs
    imaging backfill                     what is stored, indexed by query tags configured since
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


def _deployment(state_dir: Path | None) -> Deployment:
    """Find the deployment, and give this process the environment that its processes have."""
    try:
        deployment = of_local_run(state_dir) if state_dir else of_cloudformation()
    except DeploymentNotFound as missing:
        raise click.ClickException(str(missing)) from missing
    os.environ.update(deployment.environment)
    return deployment


@imaging.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
@click.pass_obj
def status(state_dir: Path | None, as_json: bool) -> None:
    """Show each space's studies and instances, and the work that is waiting."""
    deployment = _deployment(state_dir)
    report = bootstrap.status(os.environ)()
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    table = Table("space", "studies", "series", "instances", title=deployment.name)
    for space in report.spaces:
        table.add_row(space.space, str(space.studies), str(space.series), str(space.instances))
    console.print(table)
    waiting = {name: count for name, count in asdict(report.waiting).items() if count}
    if not waiting:
        console.print("Nothing is waiting: every study has its revision, and every revision is told.")
    for name, count in waiting.items():
        console.print(f"{count} {name.replace('_', ' ')}")
    for progress in report.query_tags:
        for tag in progress.ready:
            console.print(f"{progress.space}: {tag} is searchable", soft_wrap=True)
        for tag in progress.pending:
            done = f"{progress.studies_done} of about {progress.studies_in_all} studies"
            console.print(f"{progress.space}: {tag} is being indexed, {progress.percent} %, {done}", soft_wrap=True)


@imaging.command()
@click.option("--space", "only", help="Only this storage space; all of them unless given.")
@click.pass_obj
def backfill(state_dir: Path | None, only: str | None) -> None:
    """Index what is stored by query tags that were configured since, now and not minute by minute.

    The sweeper does the same by itself. Begins when processes that do not know the
    new tags have ended; interrupt it at any time.
    """
    deployment = _deployment(state_dir)
    _check_space(deployment, only)
    for space in [only] if only else deployment.spaces:
        with console.status(f"{space}: reading") as line:
            try:
                back_fill = bootstrap.back_fill(os.environ, _warn)
                while (register := back_fill(space, bootstrap.now() + _SLICE)).pending:
                    line.update(f"{space}: {register.studies_done} of about {register.studies_in_all} studies")
                    time.sleep(1)
            except ImagingError as failure:
                raise click.ClickException(f"{space}: {failure}") from failure
        console.print(f"{space}: all is indexed by {len(register.ready)} query tags")


@imaging.command()
@click.option("--space", "only", help="Only this storage space; all of them unless given.")
@click.option("--after-study", default="", help="Go on behind this Study Instance UID, where a run was interrupted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a space, for scripts.")
@click.pass_obj
def reconcile(state_dir: Path | None, only: str | None, after_study: str, as_json: bool) -> None:
    """Compare buckets and manifest, and index what differs.

    S3 is the truth. Instances whose event was lost are indexed, rows whose object is
    gone become deletions, and a manifest that was lost comes back, histories included.
    """
    deployment = _deployment(state_dir)
    _check_space(deployment, only)
    failed = 0
    for space in [only] if only else deployment.spaces:
        result = _reconcile(space, after_study, quiet=as_json)
        failed += result.failed + len(result.failed_studies)
        for study in result.failed_studies:
            console.print(f"{space}: study {study} could not be reconciled now")
        if as_json:
            click.echo(json.dumps({"space": space, **asdict(result)}))
        else:
            console.print(
                f"{space}: {result.instances} instances of {result.studies} studies compared, "
                f"{result.indexed} indexed, {result.restored_studies} studies restored, {result.failed} failed",
                soft_wrap=True,
            )
    if failed:
        raise click.ClickException("Some instances could not be indexed now; run the command again.")


def _warn(message: str, /, *, extra: Mapping[str, object]) -> None:
    console.print(f"{message}: {', '.join(f'{name} {value}' for name, value in extra.items())}", soft_wrap=True)


def _check_space(deployment: Deployment, only: str | None) -> None:
    if only and only not in deployment.spaces:
        raise click.ClickException(f"There is no space {only}; there are: {', '.join(deployment.spaces)}.")


def _reconcile(space: str, after_study: str, *, quiet: bool) -> Reconciled:
    reached = after_study
    with console.status(f"{space}: reading the bucket") as line:

        def progress(so_far: Reconciled) -> None:
            nonlocal reached
            reached = so_far.last_study
            line.update(f"{space}: {so_far.studies} studies, {so_far.indexed} indexed, at {so_far.last_study}")

        if quiet:
            line.stop()
        try:
            return bootstrap.reconcile(os.environ)(space, after_study=after_study, progress=progress)
        except ImagingError as failure:
            go_on = f" Go on with --space {space} --after-study {reached}." if reached else ""
            raise click.ClickException(f"{space}: {failure}{go_on}") from failure
