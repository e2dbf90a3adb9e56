"""What commands show: results on standard output, progress on standard error, colour only on a terminal."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from imaging.errors import ImagingError

TROUBLE = "bold red"
WELL = "green"
_COLUMNS_IN_A_FILE = 200
_TRIED_AGAIN = "; it is tried again."
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def results() -> Console:
    """Where results go; wide enough for UIDs in a file or a pipe, and what others wrote is no markup."""
    return Console(width=None if sys.stdout.isatty() else _COLUMNS_IN_A_FILE, highlight=False, markup=False)


def table(*columns: str, title: str = "") -> Table:
    """Make a table; a column of numbers is named with a leading ``#``."""
    made = Table(title=title or None, title_justify="left")
    for column in columns:
        made.add_column(
            column.removeprefix("#"), justify="right" if column.startswith("#") else "left", overflow="fold"
        )
    return made


def tell_json(found: Any) -> None:
    """Write a dataclass, or what is made of plain values, as one line of JSON."""
    plain = dataclasses.asdict(found) if dataclasses.is_dataclass(found) and not isinstance(found, type) else found
    click.echo(json.dumps(plain, default=_plain))


def trouble(console: Console, sentences: Iterable[str]) -> None:
    """Show what a human must mend."""
    for sentence in sentences:
        console.print(Text.assemble(("! ", TROUBLE), sentence), soft_wrap=True)


def say_further(console: Console, count: int) -> None:
    """Say how many a table leaves out."""
    if count > 0:
        console.print(f"and {count:,} more: --json lists them")


def warn(message: str, /, *, extra: Mapping[str, object]) -> None:
    """Tell beside the results what a process would log."""
    told = ", ".join(f"{name} {value}" for name, value in extra.items())
    Console(stderr=True).print(f"{message}: {told}", soft_wrap=True, markup=False)


def counted(count: int, what: str) -> str:
    """So many of something, its plural made with an s."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def failed(failure: ImagingError) -> str:
    """Say what failed; a process would try it again by itself, which a command does not."""
    what = str(failure)
    if not what.endswith(_TRIED_AGAIN):
        return what
    return f"{what.removesuffix(_TRIED_AGAIN)}. Run the command again; if it stays so, see whether you may do that."


def age(seconds: int | None) -> str:
    """A duration as a person says it; - where there is none."""
    if seconds is None:
        return "-"
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def since(moment: datetime | None) -> str:
    """How long ago that was."""
    return age(max(0, round((datetime.now(UTC) - moment).total_seconds()))) if moment else "-"


def said(moment: datetime | None) -> str:
    """A moment to the second, UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if moment else "-"


class Line(Protocol):
    """Says what is done now."""

    def __call__(self, text: str, /) -> None:
        """Replace what was said before."""


@contextmanager
def working(text: str) -> Iterator[Line]:
    """Say on a terminal what is done now."""
    with Console(stderr=True).status(text) as line:
        yield line.update


@contextmanager
def counting(text: str) -> Iterator[Any]:
    """Show on a terminal how many are done; gives the function to call with that and how many there are in all."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(text, total=None)

        def count(done: int, in_all: int) -> None:
            bar.update(task, completed=done, total=in_all)

        yield count


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
