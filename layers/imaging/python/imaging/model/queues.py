"""The queues of work that a deployment has, as its `QUEUES` lists them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class QueueKind(StrEnum):
    """Whose work a queue holds: which stage, and so what a message in it is."""

    INDEX_INSTANCE = "index_instance"
    STORE_DROP = "store_drop"
    FINALIZE_STUDY = "finalize_study"
    ANNOUNCE_CHANGE = "announce_change"
    """What the manifest's stream could not be told; it has dead letters and no queue."""
    PUBLISH_STUDY = "publish_study"
    DELIVER = "deliver"
    """A binding's, which has the name of the binding."""


@dataclass(frozen=True)
class Queue:
    """A queue of work and its dead letters.

    Attributes
    ----------
    queue_url
        "" where messages come from elsewhere than a queue.
    """

    name: str
    kind: QueueKind
    queue_url: str
    dead_letter_queue_url: str


def queues_of(setting: str) -> tuple[Queue, ...]:
    """Read `QUEUES`, a JSON list."""
    return tuple(
        Queue(
            name=document["name"],
            kind=QueueKind(document["kind"]),
            queue_url=document.get("queue_url") or "",
            dead_letter_queue_url=document["dead_letter_queue_url"],
        )
        for document in json.loads(setting)
    )


def last_record_of(body: Mapping[str, Any]) -> datetime:
    """When the last record of a batch that was put aside came into the manifest's stream.

    References
    ----------
    AWS Lambda Developer Guide, *Retain discarded batch records for a DynamoDB event source*.
    """
    return datetime.fromisoformat(body["DDBStreamBatchInfo"]["approximateArrivalOfLastRecord"])


def refusal_of(body: Mapping[str, Any]) -> str:
    """Why a binding's target refuses what the message is about; "" if it does not."""
    aside = body.get("set_aside")
    return str(aside.get("reason", "")) if isinstance(aside, Mapping) else ""
