"""A port that is taken is named, with the variable that chooses another."""

import socket
import threading
import time

import pytest

from infra.local.failure import CannotRun
from infra.local.ports import any_free_port, require_free
from infra.local.settings import Settings


def settings() -> Settings:
    return Settings.of({name: str(any_free_port()) for name in ("PORT", "DIMSE_PORT", "AWS_PORT")})


def test_a_taken_port_is_named_with_its_variable() -> None:
    chosen = settings()
    with socket.create_server(("127.0.0.1", chosen.dimse_port)), pytest.raises(CannotRun) as refused:
        require_free(chosen, after_a_crash=False)
    assert str(refused.value) == (
        f"Port {chosen.dimse_port} is in use: stop what listens there, "
        f"or choose another with DIMSE_PORT={chosen.dimse_port + 1}."
    )


def test_after_a_crash_the_old_children_get_time_to_end() -> None:
    chosen = settings()
    server = socket.create_server(("127.0.0.1", chosen.aws_port))
    threading.Timer(0.5, server.close).start()
    started = time.monotonic()
    require_free(chosen, after_a_crash=True)
    assert time.monotonic() - started >= 0.4


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = iter([any_free_port(), 1])
    monkeypatch.setattr(socket.socket, "getsockname", lambda _probe: ("127.0.0.1", next(offered)))
    assert any_free_port() == 1
