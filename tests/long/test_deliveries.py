"""Deliveries in any order, under failures and deaths, with the ledger in DynamoDB."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from imaging.aws.dynamodb_ledger import DynamoDbLedger
from imaging.aws.dynamodb_table import ManifestTable
from tests.manifest_table import create_manifest_table
from tests.unit.distribution.deliveries import Deliveries, binding_to
from tests.unit.distribution.test_any_order import EVERY_BINDING, check_delivered, stories, tell


@pytest.fixture(scope="module")
def ledger(embedded_aws: object) -> DynamoDbLedger:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return DynamoDbLedger(ManifestTable(name))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("kind", "on"), EVERY_BINDING)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories)
def test_everything_is_delivered_once_on_real_conditional_writes(ledger, kind, on, story):
    world = Deliveries(binding_to(kind, on, name=f"to-{uuid4().hex}"), ledger)
    tell(world, story)
    check_delivered(world, story)
