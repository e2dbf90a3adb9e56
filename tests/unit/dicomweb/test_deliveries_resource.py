import json
import re
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_ledger import DynamoDbLedger
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.message import Request, Response
from imaging.model.delivery import Delivery, Outcome
from tests.archive import Archive
from tests.fakes import START
from tests.manifest_table import create_manifest_table


@pytest.fixture(scope="module")
def archive(embedded_aws: object) -> Archive:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    archive = Archive(ManifestTable(name))
    archive.store("1", "1.1", "1.1.1")
    archive.store("2", "2.1", "2.1.1")
    key = archive.key("1", "1.1", "1.1.1")
    ledger = DynamoDbLedger(archive.table)
    reason = "The target does not like it."
    for entry in (
        Delivery("to-there", key, 2, Outcome.DELIVERED, START, tries=3),
        Delivery("to-there", key.study, 1, Outcome.REFUSED, START, reason=reason),
        Delivery("elsewhere", key, 1, Outcome.RETRYING, START, reason=reason),
    ):
        assert ledger.swap(None, entry)
    return archive


def get(archive: Archive, study: str, **parameters: str) -> Response:
    path = f"/spaces/{archive.space}/studies/{study}/deliveries"
    return archive.read(Request(path, list(parameters.items())))


def listed(response: Response) -> list[dict[str, Any]]:
    assert response.status == 200, response.body
    return json.loads(response.body)


def test_deliveries_say_what_reached_which_binding_when_and_after_how_many_tries(archive):
    at, reason = "2026-11-21T12:00:00.000000+00:00", "The target does not like it."
    instance = {"series": "1.1", "instance": "1.1.1"}
    assert listed(get(archive, "1")) == [
        {
            "binding": "elsewhere",
            **instance,
            "change_number": 1,
            "outcome": "retrying",
            "at": at,
            "tries": 1,
            "reason": reason,
        },
        {"binding": "to-there", **instance, "change_number": 2, "outcome": "delivered", "at": at, "tries": 3},
        {"binding": "to-there", "revision": 1, "outcome": "refused", "at": at, "tries": 1, "reason": reason},
    ]


def test_deliveries_come_in_pages_that_link_to_the_next(archive):
    whole = listed(get(archive, "1"))
    first = get(archive, "1", limit="2")
    address = f"{archive.address}/studies/1/deliveries"
    link = re.fullmatch(re.escape(f"<{address}?") + '(limit=2&after=[^>]+)>; rel="next"', first.headers["Link"])
    last = get(archive, "1", **dict(parse_qsl(link.group(1))))
    assert "Link" not in last.headers
    assert listed(first) + listed(last) == whole
    assert listed(get(archive, "1", offset="2")) == listed(last)


def test_a_study_of_which_nothing_was_delivered_has_none(archive):
    assert listed(get(archive, "2")) == []


def test_an_unknown_study_is_not_found(archive):
    assert get(archive, "9").status == 404


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"offset": "-1"},
        {"offset": "x"},
        {"binding": "to-there"},
        {"after": ""},
        {"after": "%"},
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(archive, parameters):
    response = get(archive, "1", **parameters)
    assert response.status == 400
    assert json.loads(response.body)["error"].endswith(".")
