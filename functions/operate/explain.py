"""`imaging explain`: what dead letters are, why they are there, and how to mend it."""

import os
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from functions.operate import chosen, terminal
from imaging import bootstrap
from imaging.model.queues import Queue, QueueKind
from imaging.reading.explanation import ExplainedLetter


@click.command(
    help="""Say of each dead letter of QUEUE what it is, why it is there, and how to mend it.

    \b
    imaging status                        names the queues
    imaging explain index_instance        explains the letters of one
    imaging explain to-research --json    a binding's queue has the binding's name

    Letters stay where they are; nothing is tried again. What is said is true of
    now: an object that is gone, is no DICOM, or was indexed since. Objects under
    incoming/ are named by a digest of their key, which may name a patient. Exit
    code 1 if there are letters.
    """
)
@click.argument("queue")
@click.option(
    "--at-most", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many letters to explain."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a letter, for scripts.")
@click.pass_obj
def explain(state_dir: Path | None, queue: str, at_most: int, as_json: bool) -> None:
    """Say of each dead letter of QUEUE what it is, why it is there, and how to mend it."""
    chosen.deployment(state_dir)
    of_queue = chosen.queue(queue)
    with terminal.working(f"reading the dead letters of {queue}"):
        letters = bootstrap.explain(os.environ)(of_queue, at_most)
    if as_json:
        for letter in letters:
            terminal.tell_json(letter)
    else:
        _show(terminal.results(), of_queue, letters)
    if letters:
        raise SystemExit(1)


def _show(console: Console, queue: Queue, letters: list[ExplainedLetter]) -> None:
    if not letters:
        console.print(f"There are no dead letters in {queue.name}.")
        if queue.kind is QueueKind.DELIVER:
            console.print("Why a delivery is still being tried stands in GET studies/STUDY/deliveries.")
        return
    for number, letter in enumerate(letters, 1):
        tried = "put there directly" if letter.tries is None else f"tried {terminal.counted(letter.tries, 'time')}"
        console.print(f"{number}. sent {terminal.said(letter.sent_at)}, {tried}", style="bold", soft_wrap=True)
        for piece in letter.work:
            about = ", ".join(f"{name} {value}" for name, value in piece.about.items())
            console.print(f"   {piece.work}: {about}", soft_wrap=True)
            console.print(Text.assemble("   ", (piece.cause.value, "yellow"), f": {piece.why}"), soft_wrap=True)
            console.print(f"   → {piece.mend}", soft_wrap=True)
    causes = Counter(str(piece.cause) for letter in letters for piece in letter.work)
    in_all = terminal.counted(len(letters), "letter")
    console.print(f"{in_all}: {', '.join(f'{count} {cause}' for cause, count in causes.most_common())}.")
    console.print(f"When the cause is mended: imaging redrive {queue.name}")
