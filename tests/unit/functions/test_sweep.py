"""The sweeper's slice of back-filling is shared among the spaces, and what waits becomes metrics."""

import json
from datetime import datetime, timedelta

import pytest

from functions.sweep import handler
from imaging import bootstrap
from imaging.errors import Unavailable
from imaging.ports.manifest import PendingKind
from imaging.ports.marks import Tally
from imaging.ports.query_tags import TagRegister
from tests.fakes import START

SPACES = ("busy", "broken", "idle", "last")
SLICE = timedelta(seconds=30)


class Fillings:
    """A back-fill whose spaces use all of the time they have, but for the idle one."""

    def __init__(self) -> None:
        self.now = START
        self.had: dict[str, timedelta] = {}

    def __call__(self, space: str, until: datetime) -> TagRegister:
        self.had[space] = until - self.now
        if space == "broken":
            raise Unavailable("The bucket does not answer.")
        if space != "idle":
            self.now = max(self.now, until)
        return TagRegister(space)


def test_no_space_takes_the_time_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    fillings = Fillings()
    spaces = [{"name": name, "bucket": name, "ae_title": name.upper()} for name in SPACES]
    monkeypatch.setenv("SPACES", json.dumps(spaces))
    monkeypatch.setattr(bootstrap, "now", lambda: fillings.now)
    monkeypatch.setattr(handler, "back_fill", lambda: fillings)

    handler._go_on_indexing()

    assert fillings.had == {
        "busy": SLICE / 4,
        "broken": SLICE / 4,
        "idle": SLICE * 3 / 8,
        "last": SLICE * 3 / 4,
    }


class Waiting:
    """Marks of some kinds, none of the others; it can be out of reach."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.is_there = is_there

    def tally(self, kind: PendingKind) -> Tally:
        assert kind is PendingKind.FINALIZE, "what may be millions is not counted every minute"
        return Tally(3, START - timedelta(seconds=50))

    def oldest(self, kind: PendingKind) -> datetime | None:
        if not self.is_there:
            raise Unavailable("The table does not answer.")
        seconds = {PendingKind.ANNOUNCE_FEED: 20, PendingKind.PUBLISH: 7}.get(kind)
        return None if seconds is None else START - timedelta(seconds=seconds)


def gauged(monkeypatch: pytest.MonkeyPatch, waiting: Waiting) -> dict[str, float]:
    found: dict[str, float] = {}
    monkeypatch.setattr(bootstrap, "now", lambda: START)
    monkeypatch.setattr(handler, "marks", lambda: waiting)
    monkeypatch.setattr(handler.metrics, "add_metric", lambda name, _, value: found.update({name: value}))
    handler._gauge()
    return found


def test_what_waits_is_counted_and_how_long_the_oldest_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gauged(monkeypatch, Waiting()) == {
        "OpenStudies": 3,
        "OldestUnannouncedSeconds": 20,
        "OldestUnpublishedSeconds": 7,
    }


def test_a_sweep_does_not_fail_for_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gauged(monkeypatch, Waiting(is_there=False)) == {}
