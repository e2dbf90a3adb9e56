"""Whether the ports of the run are free."""

import socket
import time

from infra.local.failure import CannotRun
from infra.local.settings import HOST, Settings

_GIVES_WAY_SECONDS = 5.0
"""How long what a killed run left behind may take to notice that its parent is gone."""


def require_free(settings: Settings, *, after_a_crash: bool) -> None:
    """Refuse to start where a port is taken.

    Parameters
    ----------
    after_a_crash
        The run before did not stop by itself: its children may still be about to end.

    Raises
    ------
    CannotRun
        Naming the port and the variable that chooses another.
    """
    deadline = time.monotonic() + (_GIVES_WAY_SECONDS if after_a_crash else 0)
    for variable, port in settings.ports.items():
        while not is_free(port):
            if time.monotonic() > deadline:
                raise CannotRun(
                    f"Port {port} is in use: stop what listens there, or choose another with {variable}={port + 1}."
                )
            time.sleep(0.1)


def is_free(port: int) -> bool:
    """Whether somebody could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


_given: set[int] = set()


def any_free_port() -> int:
    """A port that nobody listens on, another one every time: whoever got the last may not listen yet."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port
