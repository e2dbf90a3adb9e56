"""An ASGI application served by a thread of this process."""

import threading

import uvicorn
from starlette.types import ASGIApp

from infra.local.failure import CannotRun
from infra.local.settings import HOST


class Served:
    """Serves the application on 127.0.0.1 from the moment it is made until `stop`."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        configuration = uvicorn.Config(
            app,
            host=HOST,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(configuration)
        self._thread = threading.Thread(target=self._server.run, name="front door", daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            if not self._thread.is_alive():
                raise CannotRun(f"Nothing can be served on port {port}; choose another.")

    @property
    def is_running(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Finish the requests at hand and stop."""
        self._server.should_exit = True
        self._thread.join(10)
