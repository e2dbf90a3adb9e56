"""Who waits where the tests' bindings lead."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infra.local.embedded_aws.process import ACCOUNT, REGION
from infra.local.settings import HOST
from tests.flow.bindings import BUS, QUEUE, SECRET
from tests.flow.client import Client


@dataclass
class Webhook:
    """A subscriber's server: believes only what is signed, and answers as it is told.

    Attributes
    ----------
    status
        What it answers to what is signed.
    heard
        The events that it took, in their order.
    """

    status: int = HTTPStatus.NO_CONTENT
    heard: list[dict[str, Any]] = field(default_factory=list)

    def revisions_of(self, study_instance_uid: str) -> list[int]:
        return [event["detail"]["revision"] for event in self.heard if event["detail"]["study"] == study_instance_uid]

    def answer(self, body: bytes, signature: str) -> int:
        """Take an event."""
        parts = dict(part.split("=", 1) for part in signature.split(","))
        expected = hmac.new(SECRET.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(parts["v1"], expected):
            return HTTPStatus.FORBIDDEN
        if self.status < HTTPStatus.MULTIPLE_CHOICES:
            self.heard.append(json.loads(body))
        return self.status


@contextmanager
def listening_webhook(port: int) -> Iterator[Webhook]:
    """Let it listen."""
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(webhook.answer(body, self.headers["Imaging-Signature"]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield webhook
        finally:
            server.shutdown()
            thread.join()


class Subscribers:
    """The queue and the bus that bindings lead to; what comes to the bus is kept in a queue too."""

    def __init__(self, client: Client) -> None:
        self._sqs = client.aws("sqs")
        events = client.aws("events")
        self._queue = self._sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        self._of_bus = self._sqs.create_queue(QueueName=BUS)["QueueUrl"]
        events.create_event_bus(Name=BUS)
        events.put_rule(Name=BUS, EventBusName=BUS, EventPattern=json.dumps({"source": ["imaging"]}))
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{BUS}"
        events.put_targets(Rule=BUS, EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
        self._heard: dict[str, list[dict[str, Any]]] = {self._queue: [], self._of_bus: []}

    def in_queue(self, study_instance_uid: str) -> list[tuple[str, str, int]]:
        """Detail type, SOP Instance UID and change number of each notice in the queue."""
        return [
            (event["detail-type"], event["detail"]["instance"], event["detail"]["change_number"])
            for event in self._all(self._queue, study_instance_uid)
        ]

    def on_bus(self, study_instance_uid: str) -> list[int]:
        """The revisions that came to the bus."""
        return [event["detail"]["revision"] for event in self._all(self._of_bus, study_instance_uid)]

    def _all(self, queue_url: str, study_instance_uid: str) -> list[dict[str, Any]]:
        heard = self._heard[queue_url]
        while messages := self._sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                heard.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in heard if event["detail"]["study"] == study_instance_uid]
