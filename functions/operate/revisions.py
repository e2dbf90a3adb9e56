"""`imaging revisions`: the history of a study."""

import os
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from functions.operate import chosen, terminal
from imaging import bootstrap
from imaging.dicom.uid import check_uid
from imaging.errors import Rejected
from imaging.model.revision import Revision
from imaging.model.study import StudyState
from imaging.ports.manifest import CommittedRevision
from imaging.reading.list_revisions import History

_CHANGES = ("additions", "modifications", "deletions")
_COUNTS = ("series", "instances", *_CHANGES)
_SHOWN = 50


def _uid(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    try:
        return check_uid("StudyInstanceUID", text)
    except Rejected as rejected:
        raise click.BadParameter(str(rejected)) from rejected


@click.command(
    help="""Show the history of a study, named by its Study Instance UID.

    \b
    imaging revisions 1.2.840.113619.2.5.1762583153               its revisions, oldest first
    imaging revisions 1.2.840.113619.2.5.1762583153 --revision 2   what the second one changed

    A revision is one state of the study that lasted; deletions are revisions too.
    """
)
@click.argument("study", callback=_uid)
@click.option("--space", "only", help="Only in this storage space; in all that know the study unless given.")
@click.option("--revision", "number", type=click.IntRange(1), help="One of them: what it changed, and its series.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a space, for scripts.")
@click.pass_obj
def revisions(state_dir: Path | None, study: str, only: str | None, number: int | None, as_json: bool) -> None:
    """Show the history of a study, named by its Study Instance UID."""
    deployment = chosen.deployment(state_dir)
    spaces = chosen.spaces(deployment, only)
    list_revisions = bootstrap.list_revisions(os.environ)
    histories = list_revisions(study, only)
    if not histories:
        raise click.ClickException(f"No such study was ever indexed in {' or '.join(spaces)}.")
    console = terminal.results()
    if number is None:
        for history in histories:
            _tell_history(console, history, as_json=as_json)
        return
    found = [whole for history in histories if (whole := list_revisions.whole(history.study.key, number))]
    for revision in found:
        _tell_revision(console, revision, as_json=as_json)
    if not found:
        last = max(history.study.revision for history in histories)
        raise click.ClickException(f"The study has no revision {number}; its last is {last}.")


def _tell_history(console: Console, history: History, *, as_json: bool) -> None:
    study = history.study
    if as_json:
        terminal.tell_json(
            {
                "space": study.key.space,
                "study": study.key.study_instance_uid,
                "state": study.state.value,
                "revisions": [_entry(revision) for revision in history.revisions],
            }
        )
        return
    rows = terminal.table("#revision", "created", "reason", *(f"#{name}" for name in _COUNTS), title=study.key.space)
    for revision in history.revisions:
        counts = asdict(revision.counts)
        rows.add_row(
            str(revision.number),
            terminal.said(revision.created_at),
            revision.reason.value,
            *(f"{counts[name]:,}" for name in _COUNTS),
        )
    console.print(rows)
    if study.state is not StudyState.FINAL:
        console.print(
            f"Something changed since: the study is open for {terminal.since(study.opened_at)}, "
            f"its last change was {terminal.since(study.last_change_at)} ago.",
            soft_wrap=True,
        )


def _entry(revision: CommittedRevision) -> dict[str, object]:
    return {
        "revision": revision.number,
        "created": revision.created_at.isoformat(),
        "reason": revision.reason.value,
        **asdict(revision.counts),
    }


def _tell_revision(console: Console, revision: Revision, *, as_json: bool) -> None:
    if as_json:
        series = [{"series": each.series_instance_uid, "instances": len(each.instances)} for each in revision.series]
        terminal.tell_json({"space": revision.study.space, **revision.entry(), "series": series})
        return
    console.print(
        f"{revision.study.space}: revision {revision.number}, made {terminal.said(revision.created_at)} "
        f"({revision.reason.value}), {len(revision.series)} series, {revision.instances} instances",
        soft_wrap=True,
    )
    changes = [(what, change) for what in _CHANGES for change in getattr(revision, what)]
    changed = terminal.table("change", "series", "instance")
    for what, change in changes[:_SHOWN]:
        changed.add_row(what.removesuffix("s"), change.series_instance_uid, change.sop_instance_uid)
    console.print(changed)
    terminal.say_further(console, len(changes) - _SHOWN)
    held = terminal.table("series", "modality", "#instances")
    for each in revision.series[:_SHOWN]:
        held.add_row(each.series_instance_uid, each.modality, f"{len(each.instances):,}")
    console.print(held)
    terminal.say_further(console, len(revision.series) - _SHOWN)
