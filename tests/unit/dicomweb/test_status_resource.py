"""``GET /status``: what was recorded last."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_status_record import DynamoDbStatusRecord
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.message import Request
from imaging.dicomweb.status_resource import StatusResource
from imaging.errors import Rejected, RejectReason
from imaging.model.queues import QueueKind
from imaging.ports.queues import QueueFigures
from imaging.reading.status import PassState, QueueState, SpaceCounts, Status, Waiting
from tests.fakes import START
from tests.manifest_table import create_manifest_table

QUEUE = QueueState("to-pacs", QueueKind.DELIVER, QueueFigures(1, 2, 3, 4))
STATUS = Status(
    as_of=START,
    spaces=(SpaceCounts("main", 1, 2, 3, 4, 5, 6),),
    waiting=Waiting(*[0] * 2, *[0, None] * 4, 0),
    oldest_unindexed_seconds=None,
    queues=(QUEUE,),
    refused_deliveries={"to-pacs": 7},
    fhir_errors={"not-published": 8},
    reconciled=(PassState("main", START, None, 1, 1, 0, 0, 0),),
    query_tags=(),
    trouble=("3 dead letters in to-pacs: `imaging explain to-pacs` says why.",),
    counted_up_to=None,
)


@pytest.fixture
def record(embedded_aws: object) -> DynamoDbStatusRecord:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return DynamoDbStatusRecord(ManifestTable(name))


def test_the_newest_status_is_told_and_an_older_one_never_takes_its_place(record):
    get = StatusResource(record)
    before = get(Request("/status"), {})
    assert (before.status, before.headers["Cache-Control"]) == (204, "no-store")

    assert record.keep(STATUS.as_json(), STATUS.as_of)
    older = replace(STATUS, as_of=START - timedelta(seconds=1), trouble=())
    assert not record.keep(older.as_json(), older.as_of)
    assert not record.keep(STATUS.as_json(), STATUS.as_of)

    answer = get(Request("/status"), {})
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    told = json.loads(answer.body)
    assert told["as_of"] == "2026-11-21T12:00:00+00:00"
    assert told["trouble"] == list(STATUS.trouble)
    assert told["queues"] == [
        {
            "name": "to-pacs",
            "kind": "deliver",
            "figures": {"waiting": 1, "under_way": 2, "dead_letters": 3, "oldest_seconds": 4},
        }
    ]
    assert told["reconciled"][0]["ended"] is None

    later = replace(STATUS, as_of=START + timedelta(minutes=1), trouble=())
    assert record.keep(later.as_json(), later.as_of)
    assert json.loads(get(Request("/status"), {}).body)["trouble"] == []


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [(("space", "main"), RejectReason.MALFORMED_REQUEST), (("accept", "text/html"), RejectReason.NOT_ACCEPTABLE)],
)
def test_what_cannot_be_asked_is_refused(record, parameter, reason):
    with pytest.raises(Rejected) as refused:
        StatusResource(record)(Request("/status", [parameter]), {})
    assert refused.value.reason is reason
