"""Serves MiniStack until it is told to stop."""

import asyncio
import contextlib
import functools
import os
import resource
import signal
import threading
import time
from collections.abc import Callable

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from ministack import app as ministack

from infra.local.embedded_aws.process import SNAPSHOT_PATH
from infra.local.embedded_aws.snapshots import Snapshots
from infra.local.settings import HOST

LOOK_FOR_PARENT_SECONDS = 0.5


def run(port: int, snapshots: Snapshots, at_first_request: Callable[[], None]) -> None:
    """Serve on loopback until SIGTERM; then MiniStack saves its state.

    `at_first_request` is called as soon as it is certain that requests are served.
    """
    _raise_open_file_limit()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the launcher decides
    configuration = Config()
    configuration.bind = [f"{HOST}:{port}"]
    configuration.keep_alive_timeout = 75
    asyncio.run(_serve(configuration, snapshots, functools.cache(at_first_request)))


def end_with_parent(parent_pid: int) -> None:
    """Stop this process in good order as soon as its parent is gone."""

    def watch() -> None:
        while os.getppid() == parent_pid:
            time.sleep(LOOK_FOR_PARENT_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


async def _serve(configuration: Config, snapshots: Snapshots, at_first_request: Callable[[], None]) -> None:
    async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            at_first_request()
        if scope["type"] == "http" and scope["path"] == SNAPSHOT_PATH and scope["method"] == "POST":
            await asyncio.to_thread(snapshots.save_everything)
            await send({"type": "http.response.start", "status": 204, "headers": [], "trailers": False})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await ministack.app(scope, receive, send)

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(application, configuration, shutdown_trigger=stop.wait)


def _raise_open_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
