"""The change feed under writers, announcers, sweepers and readers that come in any order and die anywhere.

Each process stops before every call of DynamoDB, S3 or EventBridge, where
others go on, or where it dies. Numbers come in blocks of five and changes in
batches of three, so that small stories cross their borders.
"""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from imaging.aws import dynamodb_feed, dynamodb_feed_source, feed_rows
from imaging.aws.dynamodb_table import ManifestTable
from imaging.errors import Unavailable
from imaging.pipeline.sweep import Grace
from imaging.reading.read_feed import FeedQuery
from tests.feed_world import PLACES, FeedWorld, check_feed
from tests.interleaving import Actor, run_interleaved
from tests.manifest_table import create_manifest_table


@pytest.fixture(scope="module", autouse=True)
def small_blocks_and_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (dynamodb_feed, dynamodb_feed_source, feed_rows):
            patch.setattr(module, "BLOCK", 5)
        patch.setattr(dynamodb_feed, "_CHANGES_AT_A_TIME", 3)
        patch.setattr(dynamodb_feed, "_INSTANCES_AT_A_TIME", 2)
        patch.setattr(dynamodb_feed, "_LONGEST_PAUSE_SECONDS", 0)
        yield


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


place = st.integers(0, PLACES - 1)
step = st.one_of(st.tuples(st.just("put"), place, st.integers(0, 2)), st.tuples(st.just("delete"), place))
skew = st.integers(-3600, 3600).map(lambda seconds: timedelta(seconds=seconds))


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    writers=st.lists(st.lists(step, min_size=1, max_size=6), min_size=1, max_size=3),
    announcers=st.lists(st.tuples(st.lists(st.lists(place, max_size=4), max_size=6), skew), min_size=1, max_size=3),
    sweeper=st.one_of(st.none(), skew),
    choices=st.lists(st.integers(0, 7), max_size=250),
    kill_at=st.one_of(st.just(frozenset()), st.frozensets(st.integers(2, 150), max_size=3)),
)
def test_in_any_order_every_change_is_told_once_and_nobody_who_reads_on_misses_one(
    table, writers, announcers, sweeper, choices, kill_at
):
    world = FeedWorld(table)
    seen: list[int] = []

    def write(script):
        def act(actor: Actor) -> None:
            for verb, where, *content in script:
                actor.checkpoint()
                getattr(world, verb)(where, *content)
                world.index(where, actor=actor)

        return act

    def announce(hints, skewed):
        def act(actor: Actor) -> None:
            for places in hints:
                try:
                    world.announce(actor, skewed).changes(list(map(world.key, places)))
                except Unavailable:
                    continue  # the stream brings it again, or the sweeper does

        return act

    def sweep(actor: Actor) -> None:
        for _ in range(2):
            world.sweep(actor, sweeper)(Grace.of_seconds(-7200))

    def read(actor: Actor | None, rounds: int) -> None:
        for _ in range(rounds):
            page = world.reading(actor).page(FeedQuery(world.space, offset=seen[-1] if seen else 0, limit=2))
            seen.extend(row.change.sequence for row in page.rows)

    run_interleaved(
        [
            *(Actor(f"writer {n}", write(script)) for n, script in enumerate(writers)),
            *(Actor(f"announcer {n}", announce(*told)) for n, told in enumerate(announcers)),
            Actor("announcer of all", announce([range(PLACES)] * 2, timedelta(0))),
            *([Actor("sweeper", sweep)] if sweeper is not None else []),
            Actor("reader", lambda actor: read(actor, 12)),
        ],
        choices,
        kill_at,
    )
    world.settle()
    check_feed(world)
    read(None, len(world.told()))
    assert seen == list(range(1, len(world.told()) + 1)), "a reader who went on from the last number missed a change"
