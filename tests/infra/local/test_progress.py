"""Progress is one line a step, coloured and counting only on a terminal."""

import io
import re

import pytest
from rich.console import Console

from infra.local import progress
from infra.local.progress import Progress


def test_away_from_a_terminal_a_step_is_one_plain_line_with_its_result() -> None:
    shown = io.StringIO()
    with Progress(Console(file=shown)).step("storing") as step:
        step.text = "stored 6 instances"
    assert re.fullmatch(r"stored 6 instances … \d\.\d s\n", shown.getvalue())


def test_a_long_step_shows_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0.05)
    shown = io.StringIO()
    with Progress(Console(file=shown)).step("deploying"):
        progress.time.sleep(0.2)
    assert shown.getvalue().count("deploying … ") >= 3


def test_a_step_that_fails_is_not_shown_as_done() -> None:
    shown = io.StringIO()
    with pytest.raises(ZeroDivisionError), Progress(Console(file=shown)).step("dividing"):
        raise ZeroDivisionError
    assert shown.getvalue() == ""


def test_on_a_terminal_the_line_counts_in_place() -> None:
    shown = io.StringIO()
    with Progress(Console(file=shown, force_terminal=True)).step("deploying"):
        progress.time.sleep(0.3)
    assert "\x1b[" in shown.getvalue()
    assert shown.getvalue().endswith(" s\n")
