"""A FHIR server that misbehaves: it stands before a real one and spoils what the plan says.

Whatever is forwarded is done by the real server, so a fault behind that point is
one of those where the work is done and the client does not know it.
"""

import itertools
import json
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

SEARCH = re.compile(r"/[A-Z][A-Za-z]+(/_search)?(\?.*)?\Z")


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_transaction(self) -> bool:
        return self.method == "POST" and urlsplit(self.path).path in ("", "/")

    @property
    def is_search(self) -> bool:
        return SEARCH.match(self.path) is not None and (self.method == "GET" or "/_search" in self.path)


@dataclass(frozen=True)
class Refuses:
    """It answers so, and does nothing."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = "transient"


@dataclass(frozen=True)
class HangsUp:
    """It closes the connection without an answer, and has done nothing."""


@dataclass(frozen=True)
class CutsTheAnswer:
    """It has done its work, and closes the connection in the middle of the answer."""


@dataclass(frozen=True)
class AnswersLate:
    """It has done its work, and answers when nobody listens any more."""

    seconds: float


@dataclass(frozen=True)
class FindsNothing:
    """Its search does not know yet."""


Fault = Refuses | HangsUp | CutsTheAnswer | AnswersLate | FindsNothing
Plan = Callable[[Asked], Fault | None]


def fine(asked: Asked) -> None:
    """Do no harm."""


def every(number: int, *faults: Fault) -> Plan:
    """One request in so many, by each of the faults in turn."""
    lock, count, turns = threading.Lock(), itertools.count(1), itertools.cycle(faults)

    def plan(_asked: Asked) -> Fault | None:
        with lock:
            return None if next(count) % number else next(turns)

    return plan


def by_chance(share: float, seed: int, *faults: Fault) -> Plan:
    """That share of the requests, the same ones each time they come in the same order."""
    chance, lock = random.Random(seed), threading.Lock()

    def plan(_asked: Asked) -> Fault | None:
        with lock:
            return chance.choice(faults) if chance.random() < share else None

    return plan


def first(number: int, fault: Fault, of: Callable[[Asked], bool] = lambda _asked: True) -> Plan:
    """The first requests of those."""
    left = [fault] * number

    def plan(asked: Asked) -> Fault | None:
        return left.pop() if of(asked) and left else None

    return plan


@dataclass
class FaultyServer:
    """Forwards to `behind`.

    Attributes
    ----------
    plan
        Asked at each request what goes wrong.
    declares
        What its CapabilityStatement says of every type in place of the real one's, such as ``{"updateCreate": False}``;
        a server that does not declare to take something refuses it.
    asked
        Every request so far.
    """

    behind: str
    plan: Plan = fine
    declares: Mapping[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> "FaultyServer":
        faulty = self
        client = httpx.Client(trust_env=False, timeout=60, verify=False)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in one piece: the client would acknowledge its head late

            def log_message(self, *_: Any) -> None:
                pass

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.removeprefix(urlsplit(faulty.address).path)
                asked = Asked(self.command, path, dict(self.headers), body)
                faulty.asked.append(asked)
                fault = faulty.plan(asked)
                if isinstance(fault, HangsUp):
                    self.close_connection = True
                elif isinstance(fault, Refuses):
                    self._answer(fault.status, _outcome(fault.code), fault.headers)
                elif isinstance(fault, FindsNothing):
                    self._answer(200, {"resourceType": "Bundle", "type": "searchset", "total": 0})
                elif refusal := faulty._undeclared(client, asked):
                    self._answer(*refusal)
                else:
                    self._forward(asked, fault)

            do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - http.server's names

            def _forward(self, asked: Asked, fault: Fault | None) -> None:
                headers = {name: value for name, value in asked.headers.items() if name.lower() != "host"}
                answer = client.request(asked.method, faulty.behind + asked.path, headers=headers, content=asked.body)
                content = answer.content
                if asked.path == "/metadata":
                    content = json.dumps(faulty._declared(answer.json())).encode()
                if isinstance(fault, AnswersLate):
                    time.sleep(fault.seconds)
                self.send_response(answer.status_code)
                for name in ("content-type", "etag", "location", "last-modified"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if isinstance(fault, CutsTheAnswer):
                    content, self.close_connection = content[: len(content) // 2], True
                self.wfile.write(content)

            def _answer(self, status: int, document: Any, headers: Mapping[str, str] | None = None) -> None:
                content = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/fhir+json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self._client = client
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._client.close()

    @property
    def address(self) -> str:
        """What a client is configured with."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/fhir"

    @property
    def transactions(self) -> list[dict[str, Any]]:
        """The bundles that came."""
        return [json.loads(asked.body) for asked in self.asked if asked.is_transaction]

    def _declared(self, statement: dict[str, Any]) -> dict[str, Any]:
        for resource in statement["rest"][0].get("resource", []):
            resource.update(self.declares)
        return statement

    def _undeclared(self, client: httpx.Client, asked: Asked) -> tuple[int, Any] | None:
        """Why a server that declares this does not take it."""
        if not asked.is_transaction:
            return None
        for entry in json.loads(asked.body)["entry"]:
            request = entry["request"]
            if "ifNoneExist" in request and self.declares.get("conditionalCreate") is False:
                return 400, _outcome("not-supported")
            if request["method"] == "PUT" and "?" in request["url"]:
                if self.declares.get("conditionalUpdate") is False:
                    return 400, _outcome("not-supported")
            elif (
                request["method"] == "PUT"
                and self.declares.get("updateCreate") is False
                and client.get(f"{self.behind}/{request['url']}").status_code != httpx.codes.OK
            ):
                return 405, _outcome("not-found")
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not wait any more is what some of the faults are about."""


def _outcome(code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}
