"""The sweeper's slice of back-filling is shared among the spaces."""

import json
from datetime import datetime, timedelta

import pytest

from functions.sweep import handler
from imaging import bootstrap
from imaging.errors import Unavailable
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
