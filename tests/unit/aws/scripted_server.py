"""An HTTP server that answers as a test says, and remembers what it was asked."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from infra.local.settings import HOST


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """Answers in their order; the last one again and again.

    Attributes
    ----------
    headers
        Of each answer, beside those that it needs.
    chunk_bytes
        Send each answer in chunks of that size, RFC 9112 Section 7.1; 0: whole, with its length.
    cut
        Close the connection in the middle of each answer.
    fails_at
        Which requests meet a failure in place of an answer: "status", 500, or "connection", which ends.
    silent
        Give no answer, and close the connection when the script ends.
    """

    base_url: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    chunk_bytes: int = 0
    cut: bool = False
    fails_at: Callable[[Request], str | bool] = lambda request: False
    silent: bool = False
    ended: Event = field(default_factory=Event)

    def next_answer(self) -> tuple[int, bytes]:
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


def in_chunks(content: bytes, size_bytes: int) -> bytes:
    pieces = [content[first : first + size_bytes] for first in range(0, len(content), size_bytes)]
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in [*pieces, b""])


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what fails here; a client that hangs up does not."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def scripted_server() -> Iterator[Script]:
    """Serve on a free port of this machine."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            size_bytes = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size_bytes)
            if len(body) < size_bytes:  # who asked has hung up, and waits for nothing
                self.close_connection = True
                return
            script.requests.append(Request(self.command, self.path, dict(self.headers), body))
            if script.silent:
                script.ended.wait()
                self.close_connection = True
                return
            failure = script.fails_at(script.requests[-1])
            if failure == "connection":
                self.close_connection = True
                return
            status, answer = (500, b"") if failure else script.next_answer()
            self.send_response(status)
            if script.chunk_bytes:
                self.send_header("Transfer-Encoding", "chunked")
                answer = in_chunks(answer, script.chunk_bytes)
            else:
                self.send_header("Content-Length", str(len(answer)))
            for name, value in script.headers.items():
                self.send_header(name, value)
            if status // 100 == 3:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            with suppress(ConnectionError):  # who asked may have heard enough
                self.wfile.write(answer[: len(answer) // 2] if script.cut else answer)
            self.close_connection = script.cut

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _Server((HOST, 0), Handler) as server:
        script.base_url = f"http://{HOST}:{server.server_port}/fhir"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:
            script.ended.set()
            server.shutdown()
            thread.join()
