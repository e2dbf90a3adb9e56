"""Nodes to send to: DCMTK's storescp, and one that answers as a test says."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt

from imaging.dimse.node import Node
from infra.local.ports import any_free_port
from infra.local.settings import HOST


@contextmanager
def storescp(folder: Path, *options: str, port: int | None = None) -> Iterator[Node]:
    """DCMTK's, which writes what comes into `folder`, the data sets' bytes untouched; on any port that is free."""
    if not shutil.which("storescp"):
        pytest.skip("storescp is not installed here; it comes with Debian's package dcmtk")
    port = port or any_free_port()
    command = ["storescp", "+B", "-od", str(folder), *options, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_it_listens(port)
            yield Node(HOST, port, "ANY", "IMAGING")
        finally:
            process.terminate()


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection((HOST, port)):
            return
        time.sleep(0.02)


@dataclass
class ScriptedNode:
    """Answers C-STORE with its statuses in their order, the last one again and again.

    Attributes
    ----------
    before_answer
        Called with the event before each answer; may abort.
    """

    statuses: list[int] = field(default_factory=lambda: [0])
    received: list[tuple[str, str, bytes]] = field(default_factory=list)
    originators: list[tuple[str, int]] = field(default_factory=list)
    associations: list[list[tuple[str, tuple[str, ...]]]] = field(default_factory=list)
    released: int = 0
    before_answer: Callable[[evt.Event], None] = lambda event: None
    address: Node = field(default_factory=lambda: Node(HOST, 0, "", ""))

    def forget(self) -> None:
        """Begin anew, for another test."""
        self.statuses, self.received, self.originators, self.associations, self.released = [0], [], [], [], 0
        self.before_answer = lambda event: None

    def answer(self, event: evt.Event) -> Dataset:
        request = event.request
        data_set = request.DataSet
        assert isinstance(data_set, BytesIO)
        self.received.append(
            (str(request.AffectedSOPInstanceUID), str(event.context.transfer_syntax), data_set.getvalue())
        )
        if request.MoveOriginatorMessageID is not None:
            self.originators.append(
                (str(request.MoveOriginatorApplicationEntityTitle).strip(), request.MoveOriginatorMessageID)
            )
        self.before_answer(event)
        ds = Dataset()
        ds.Status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return ds

    def opened(self, event: evt.Event) -> None:
        contexts = event.assoc.requestor.requested_contexts
        self.associations.append([(str(cx.abstract_syntax), tuple(map(str, cx.transfer_syntax))) for cx in contexts])

    def on_release(self, _event: evt.Event) -> None:
        self.released += 1


@contextmanager
def scripted_node(*sop_class_uids: str, **settings: int) -> Iterator[ScriptedNode]:
    """A node that knows these SOP Classes."""
    node = ScriptedNode()
    ae = AE(ae_title="NODE")
    for name, value in settings.items():
        setattr(ae, name, value)
    for sop_class_uid in sop_class_uids:
        ae.add_supported_context(sop_class_uid, ALL_TRANSFER_SYNTAXES)
    handlers = [
        (evt.EVT_C_STORE, node.answer),
        (evt.EVT_ACCEPTED, node.opened),
        (evt.EVT_RELEASED, node.on_release),
    ]
    server = ae.start_server((HOST, 0), block=False, evt_handlers=handlers)
    node.address = Node(HOST, server.socket.getsockname()[1], "NODE", "IMAGING")
    try:
        yield node
    finally:
        server.shutdown()
