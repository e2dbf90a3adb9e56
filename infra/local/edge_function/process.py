"""A CloudFront Function as a process that is asked, request by request."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local import tied_to_parent
from infra.node import node_folder

_RUNTIME = Path(__file__).with_name("run.mjs")


class EdgeFunctionFailed(Exception):
    """The function has thrown, or does not run."""


@dataclass(frozen=True)
class Routed:
    """Where a function sends a request.

    Attributes
    ----------
    origin
        Empty for the default one.
    uri
        The path that it goes on with.
    """

    origin: str
    uri: str


class EdgeFunction:
    """Runs a function's JavaScript on the bundled Node; started when it is first asked, and again if it has ended.

    Belongs to one event loop, whose tasks may ask side by side.

    Parameters
    ----------
    source
        The file that CloudFront is given.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._process: asyncio.subprocess.Process | None = None
        self._answers: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Routed]] = {}
        self._asked = 0
        self._starting = asyncio.Lock()

    async def route(self, event: Mapping[str, Any]) -> Routed:
        """Where the function sends a viewer request.

        Raises
        ------
        EdgeFunctionFailed
            Where CloudFront would answer 503.
        """
        requests = await self._requests()
        self._asked += 1
        number = self._asked
        answer: asyncio.Future[Routed] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            requests.write(json.dumps({"number": number, "event": event}).encode() + b"\n")
            await requests.drain()
            return await answer
        except ConnectionError as gone:
            raise EdgeFunctionFailed("The function has ended.") from gone
        finally:
            self._waiting.pop(number, None)

    async def stop(self) -> None:
        """End it; what still waits for it fails."""
        if self._process and self._process.stdin and self._answers:
            self._process.stdin.close()
            await self._answers

    async def _requests(self) -> asyncio.StreamWriter:
        async with self._starting:
            if self._answers is None or self._answers.done():
                await self._start()
        assert self._process
        assert self._process.stdin
        return self._process.stdin

    async def _start(self) -> None:
        command = [str(node_folder() / "node"), str(_RUNTIME), str(self._source)]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-IS", tied_to_parent.__file__, str(os.getpid()), *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._answers = asyncio.create_task(self._hand_out_answers(self._process))

    async def _hand_out_answers(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        async for line in process.stdout:
            answer = json.loads(line)
            asked = self._waiting.get(answer["number"])
            if asked is None or asked.done():
                continue  # whoever asked has left
            if "error" in answer:
                asked.set_exception(EdgeFunctionFailed(answer["error"]))
            else:
                asked.set_result(Routed(answer["origin"], answer["uri"]))
        await process.wait()
        # From here nothing is awaited, so that nobody can begin to wait for an answer that does not come.
        for asked in self._waiting.values():
            if not asked.done():
                asked.set_exception(EdgeFunctionFailed("The function has ended."))
