"""A context lasts an hour, and longer where nothing better is to be had."""

import threading
from concurrent.futures import ThreadPoolExecutor

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


def test_the_first_secret_must_be_readable_and_is_not_asked_for_by_each_connection(kept, secret, time, told):
    secret.texts = ["", "second"]
    for _ in range(3):
        with pytest.raises(Unavailable, match="It cannot be read"):
            kept.context()
        time.now += 1.6
    assert secret.texts == ["second"]
    time.now += 0.2
    assert kept.context() == "second"
    assert told == []  # each connection said so for itself


def test_a_secret_that_is_slow_to_read_holds_only_one_connection_up(secret, time, told):
    begun, go_on = threading.Event(), threading.Event()

    def make(text):
        if text == "second":
            begun.set()
            assert go_on.wait(10)
        return text

    kept = KeptTls(make, [secret], told.append, time)
    assert kept.context() == "first"
    secret.texts = ["second"]
    time.now = LIFETIME_SECONDS
    with ThreadPoolExecutor(1) as pool:
        renewed = pool.submit(kept.context)
        assert begun.wait(10)
        assert kept.context() == "first"
        go_on.set()
        assert renewed.result(10) == "second"
    assert kept.context() == "second"
