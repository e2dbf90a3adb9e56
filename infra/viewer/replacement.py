"""Replaces text in OHIF's files, which are of one pinned version: each is found where it is known to stand."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.npm_package import PackageError


@dataclass(frozen=True)
class Replacement:
    """What is replaced.

    Attributes
    ----------
    times
        How often it stands in all the files together.
    """

    old: str
    new: str
    times: int


def replace(folder: Path, pattern: str, replacements: Iterable[Replacement]) -> None:
    """Rewrite the files of the folder whose names match.

    Raises
    ------
    PackageError
        If what is to be replaced does not stand where this version has it.
    """
    texts = {path: path.read_text("utf-8") for path in folder.glob(pattern)}
    for each in replacements:
        if sum(text.count(each.old) for text in texts.values()) != each.times:
            raise PackageError(f"OHIF's files hold {each.old!r} in other places than in the version that was pinned.")
        texts = {path: text.replace(each.old, each.new) for path, text in texts.items()}
    for path, text in texts.items():
        path.write_text(text, "utf-8")
