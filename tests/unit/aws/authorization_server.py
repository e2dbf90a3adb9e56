"""A FHIR server and its authorization server, which check what SMART Backend Services have to send."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import jwt

from infra.local.settings import HOST

CLIENT_ID = "imaging"
LONGEST_ASSERTION_SECONDS = 300


@dataclass
class AuthorizationServer:
    """Gives a token to who proves to be the client, and answers requests that have one.

    Attributes
    ----------
    keys
        The client's public keys by their ``kid``.
    lifetime_seconds
        Of the tokens that it gives; None: it does not say.
    refuses
        In place of the next tokens: a status and the JSON beside it.
    """

    keys: dict[str, Any]
    base_url: str = ""
    lifetime_seconds: int | None = 300
    is_discoverable: bool = True
    refuses: tuple[int, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    algorithms: list[str] = field(default_factory=list)
    valid_tokens: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    given: int = 0
    now: Callable[[], float] = time.time

    @property
    def token_url(self) -> str:
        return f"{self.base_url.removesuffix('/fhir')}/oauth/token"

    def token(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        if self.refuses:
            return self.refuses
        assert form["grant_type"] == ["client_credentials"]
        assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
        (assertion,) = form["client_assertion"]
        header = jwt.get_unverified_header(assertion)
        if header["kid"] not in self.keys:
            return 401, {"error": "invalid_client", "error_description": f"no key of {CLIENT_ID}"}
        claims = jwt.decode(
            assertion,
            self.keys[header["kid"]],
            algorithms=["RS384", "ES384"],
            audience=self.token_url,
            issuer=CLIENT_ID,
            subject=CLIENT_ID,
            options={"require": ["iss", "sub", "aud", "exp", "jti"], "verify_exp": False},
        )
        assert self.now() < claims["exp"] <= self.now() + LONGEST_ASSERTION_SECONDS
        assert claims["jti"] not in self.seen
        self.seen.add(claims["jti"])
        self.algorithms.append(header["alg"])
        self.scopes += form["scope"]
        self.given += 1
        self.valid_tokens = {f"token-{self.given}"}
        answer = {"access_token": f"token-{self.given}", "token_type": "bearer", "scope": form["scope"][0]}
        return 200, answer | ({"expires_in": self.lifetime_seconds} if self.lifetime_seconds is not None else {})

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if path == "/fhir/.well-known/smart-configuration":
            return (200, {"token_endpoint": self.token_url}) if self.is_discoverable else (404, b"<html/>")
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        return (200, {"resourceType": "Patient", "id": "p1"}) if token in self.valid_tokens else (401, {})


@contextmanager
def authorization_server(keys: dict[str, Any]) -> Iterator[AuthorizationServer]:
    """Serve on a free port of this machine; an assertion that fails is a failure of the test."""
    state = AuthorizationServer(keys)
    failures: list[Exception] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(*state.answer(self.path, dict(self.headers)))

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            try:
                self._send(*state.token(form))
            except Exception as failure:
                failures.append(failure)
                self._send(500, {})

        def _send(self, status: int, body: Any) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**state.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        state.base_url = f"http://{HOST}:{server.server_port}/fhir"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
    if failures:
        raise failures[0]
