"""A context lasts an hour, and longer where nothing better is to be had."""

import pytest

from imaging.dimse.kept_tls import LIFETIME_SECONDS, KeptTls
from imaging.errors import Unavailable


class Secret:
    """A secret whose text changes."""

    def __init__(self) -> None:
        self.texts = ["first"]
        self._text = ""

    def text(self):
        self._text = self._text or self.texts.pop(0)
        if not self._text:
            raise Unavailable("It cannot be read.")
        return self._text

    def forget(self):
        self._text = ""


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def secret() -> Secret:
    return Secret()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def told() -> list[Unavailable]:
    return []


@pytest.fixture
def kept(secret, time, told) -> KeptTls:
    return KeptTls(lambda text: text, [secret], told.append, time)


def test_it_is_made_once_for_an_hour(kept, secret, time):
    assert kept.context() == "first"
    secret.texts = ["second"]
    time.now = LIFETIME_SECONDS - 1
    assert kept.context() == "first"
    time.now += 1
    assert kept.context() == "second"


def test_what_was_read_before_serves_when_the_secret_does_not(kept, secret, time, told):
    kept.context()
    secret.texts = ["", "", "third"]
    time.now = LIFETIME_SECONDS
    assert kept.context() == "first"
    assert kept.context() == "first"
    assert len(told) == 1
    time.now += 60
    assert kept.context() == "first"
    assert len(told) == 2
    time.now += 60
    assert kept.context() == "third"


def test_the_first_secret_must_be_readable(kept, secret):
    secret.texts = ["", "second"]
    with pytest.raises(Unavailable):
        kept.context()
    assert kept.context() == "second"
