"""The routing rule, run as CloudFront runs it: which request goes to which origin."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from infra.constructs.distribution import ROUTING_RULE
from infra.local.edge_function.event import viewer_request
from infra.local.edge_function.process import EdgeFunction, EdgeFunctionFailed, Routed

GATEWAY, API = "gateway", ""
SPACE = "/spaces/main"
INSTANCE = f"{SPACE}/studies/1.2/series/1.3/instances/1.4"
STORES = [
    ({"content-length": "0"}, API),
    ({"content-length": "4400000"}, API),
    ({"content-length": "4400001"}, GATEWAY),
    ({"content-length": "10485761"}, GATEWAY),
    ({"content-length": "3221225472"}, GATEWAY),
    ({}, GATEWAY),
    ({"content-length": ""}, GATEWAY),
    ({"content-length": "many"}, GATEWAY),
    ({"content-length": "-1"}, GATEWAY),
    ({"content-length": "1e3"}, GATEWAY),
    ({"content-length": "0x10"}, GATEWAY),
    ({"transfer-encoding": "chunked"}, GATEWAY),
    ({"transfer-encoding": "chunked", "content-length": "10"}, GATEWAY),
]
READS = [
    (f"{SPACE}/studies/1.2", GATEWAY),
    (f"{SPACE}/studies/1.2/metadata", GATEWAY),
    (f"{SPACE}/studies/1.2/series/1.3", GATEWAY),
    (f"{SPACE}/studies/1.2/series/1.3/metadata", GATEWAY),
    (INSTANCE, GATEWAY),
    ("/spaces/m%20n/studies/1.2", GATEWAY),
    (f"{INSTANCE}/metadata", API),
    (f"{INSTANCE}/frames/1", GATEWAY),
    (f"{INSTANCE}/frames/3,1,2/rendered", GATEWAY),
    (f"{INSTANCE}/frames/3%2C1/thumbnail", GATEWAY),
    (f"{INSTANCE}/frames", API),
    (f"{INSTANCE}/pixeldata", GATEWAY),
    (f"{INSTANCE}/bulkdata", GATEWAY),
    (f"{INSTANCE}/bulkdata/00400275/1/00091010", GATEWAY),
    (f"{INSTANCE}/rendered", GATEWAY),
    (f"{SPACE}/studies/1.2/thumbnail", GATEWAY),
    (f"{SPACE}/studies/1.2/series/1.3/rendered/", GATEWAY),
    (f"{SPACE}/wado", GATEWAY),
    (f"{SPACE}/wado/studies", API),
    (SPACE, API),
    (f"{SPACE}/studies", API),
    (f"{SPACE}/studies/", API),
    (f"{SPACE}/studies/1.2/", GATEWAY),
    (f"{INSTANCE}/", GATEWAY),
    (f"{SPACE}/studies/1.2/series", API),
    (f"{SPACE}/studies/1.2/instances", API),
    (f"{SPACE}/studies/1.2/series/1.3/instances", API),
    (f"{SPACE}/studies/1.2/revisions", API),
    (f"{SPACE}/studies/1.2/revisions/3", GATEWAY),
    (f"{SPACE}/studies/1.2/revisions/3/metadata", GATEWAY),
    (f"{SPACE}/studies/1.2/revisions/3/series/1.3/instances/1.4", GATEWAY),
    (f"{SPACE}/studies/1.2/revisions/3/series/1.3/instances/1.4/frames/1", GATEWAY),
    (f"{SPACE}/studies/1.2/revisions/3/series/1.3/instances/1.4/metadata", API),
    (f"{SPACE}/series", API),
    (f"{SPACE}/instances", API),
    (f"{SPACE}/changefeed", API),
    ("/spaces", API),
    (f"/elsewhere{INSTANCE}", API),
]
PLACES = [
    ("/", "/page/index.html"),
    ("/page/style.css", "/page/style.css"),
    ("/viewer", "/viewer/index.html"),
    ("/viewer/", "/viewer/index.html"),
    ("/viewer/viewer/main", "/viewer/index.html"),
    ("/viewer/app-config.js/x", "/viewer/index.html"),
    ("/viewer/app-config.js", "/viewer/app-config.js"),
    ("/viewer/files/0123/app.bundle.js", "/viewer/files/0123/app.bundle.js"),
    ("/viewers", "/viewers"),
    ("/IHEInvokeImageDisplay", "/IHEInvokeImageDisplay"),
    (f"{SPACE}/viewer", f"{SPACE}/viewer"),
]


def event(method: str, uri: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    shown = {name: {"value": value} for name, value in (headers or {}).items()}
    return {"version": "1.0", "request": {"method": method, "uri": uri, "querystring": {}, "headers": shown}}


def run(steps: Callable[[EdgeFunction], Awaitable[None]], source: Path = ROUTING_RULE) -> None:
    async def all_steps() -> None:
        function = EdgeFunction(source)
        try:
            await steps(function)
        finally:
            await function.stop()

    asyncio.run(all_steps())


def test_a_store_goes_where_its_size_can_be_carried() -> None:
    async def steps(rule: EdgeFunction) -> None:
        for headers, origin in STORES:
            assert (await rule.route(event("POST", f"{SPACE}/studies", headers))).origin == origin, headers

    run(steps)


def test_what_may_be_of_any_size_is_read_through_the_gateway() -> None:
    async def steps(rule: EdgeFunction) -> None:
        for method in ("GET", "HEAD"):
            for uri, origin in READS:
                assert (await rule.route(event(method, uri))).origin == origin, uri

    run(steps)


def test_every_place_in_a_page_is_the_file_of_that_page() -> None:
    async def steps(rule: EdgeFunction) -> None:
        for uri, file in PLACES:
            assert await rule.route(event("GET", uri)) == Routed(API, file)

    run(steps)


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS"])
def test_other_methods_go_to_the_api(method: str) -> None:
    async def steps(rule: EdgeFunction) -> None:
        assert (await rule.route(event(method, INSTANCE))).origin == API

    run(steps)


def test_requests_side_by_side_do_not_get_each_others_origin() -> None:
    async def steps(rule: EdgeFunction) -> None:
        uris = [READS[number % len(READS)] for number in range(500)]
        routed = await asyncio.gather(*(rule.route(event("GET", uri)) for uri, _ in uris))
        assert [each.origin for each in routed] == [origin for _, origin in uris]

    run(steps)


def test_after_it_was_killed_the_next_request_starts_it_again() -> None:
    async def steps(rule: EdgeFunction) -> None:
        await rule.route(event("GET", INSTANCE))
        assert rule._process
        os.kill(rule._process.pid, signal.SIGKILL)
        await rule._process.wait()
        deadline = time.monotonic() + 10
        while True:  # one that asks at this very moment may be told that it has ended
            try:
                assert (await rule.route(event("GET", INSTANCE))).origin == GATEWAY
                return
            except EdgeFunctionFailed:
                assert time.monotonic() < deadline

    run(steps)


def test_who_waits_while_it_dies_is_told(tmp_path: Path) -> None:
    source = tmp_path / "silent.js"
    source.write_text("async function handler(event) { await new Promise(() => {}); }")

    async def steps(function: EdgeFunction) -> None:
        waiting = asyncio.create_task(function.route(event("GET", "/")))
        while not function._waiting:
            await asyncio.sleep(0.01)
        assert function._process
        function._process.kill()
        with pytest.raises(EdgeFunctionFailed):
            await asyncio.wait_for(waiting, 10)

    run(steps, source)


def test_a_rule_that_throws_fails_that_request_alone() -> None:
    async def steps(rule: EdgeFunction) -> None:
        with pytest.raises(EdgeFunctionFailed, match="TypeError"):
            await rule.route({})
        assert (await rule.route(event("GET", INSTANCE))).origin == GATEWAY

    run(steps)


def test_a_request_is_shown_as_cloudfront_shows_it() -> None:
    lines = [(b"content-length", b"5"), (b"expect", b"100-continue"), (b"accept", b"a"), (b"accept", b"b")]
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/spaces/main/%C3%A4",
        "path": "/spaces/main/ä",
        "query_string": b"a=1&a=2&b=",
        "headers": [*lines, (b"connection", b"close"), (b"host", b"front")],
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 8080),
        "scheme": "http",
    }

    shown = viewer_request(Request(scope))

    assert json.loads(json.dumps(shown))["request"] == {
        "method": "POST",
        "uri": "/spaces/main/%C3%A4",
        "querystring": {"a": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}, "b": {"value": ""}},
        "headers": {
            "content-length": {"value": "5"},
            "accept": {"value": "a", "multiValue": [{"value": "a"}, {"value": "b"}]},
            "host": {"value": "front"},
        },
        "cookies": {},
    }
