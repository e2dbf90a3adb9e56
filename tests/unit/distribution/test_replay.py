from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from imaging.distribution.replay import Manifest, Replay, Replayed
from imaging.errors import Rejected
from imaging.model.binding import Occasion, TargetKind
from imaging.model.feed import FeedChange, FeedHead, SpaceTotals
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Action
from tests.unit.distribution.deliveries import LINKS, STUDY, Deliveries, TombstonesToo, binding_to, key_of

IMAGES, NOTICES = TargetKind.DICOMWEB, TargetKind.QUEUE


class FakeFeed:
    """`imaging.ports.feed.FeedSource` of changes that the test lists."""

    def __init__(self, changes: Sequence[FeedChange]) -> None:
        self._changes = changes

    def head(self, space: str) -> FeedHead | None:
        return FeedHead(0, len(self._changes), SpaceTotals()) if self._changes else None

    def changes(self, space: str, after: int, until: int) -> Iterator[FeedChange]:
        return (change for change in self._changes if after < change.sequence <= until)

    def last_before(self, space: str, moment: datetime, head: FeedHead) -> int:
        return max((change.sequence for change in self._changes if change.told_at < moment), default=0)


class Studies:
    """The bucket's listing."""

    def studies(self, space: str, after: str = "") -> list[str]:
        return [uid for uid in (STUDY.study_instance_uid,) if uid > after]


def replay(world: Deliveries, *, again: bool = False) -> Replay:
    rows = sorted(world.manifest.rows.values(), key=lambda row: row.arrival.stored_at)
    feed = FakeFeed(
        [
            FeedChange(number, row.key, row.action, row.change_number, row.version_id, row.arrival.stored_at)
            for number, row in enumerate(rows, start=1)
        ]
    )
    manifest = Manifest(TombstonesToo(world.manifest), world.manifest, feed, Studies())
    queue = SimpleNamespace(send=world.queue.extend)
    return Replay(world.binding, manifest, queue, LINKS, again_since=world.clock() if again else None)


@pytest.fixture(params=[IMAGES, NOTICES])
def world(request) -> Deliveries:
    """Three instances delivered, and one that is deleted by now."""
    world = Deliveries(binding_to(request.param))
    for place in range(4):
        world.change(place)
    world.drain()
    world.change(3, Action.DELETE)
    world.drain()
    world.target.taken.clear()
    return world


def test_a_replay_sends_nothing_that_was_delivered(world):
    replay(world).study(STUDY)
    world.drain()
    assert world.target.taken == []


def test_a_replay_brings_what_never_arrived(world):
    world.change(4)
    world.queue.clear()  # lost
    replay(world).study(STUDY)
    world.drain()
    assert len(world.target.taken) == 1


def test_everything_goes_again_if_that_is_asked_and_once(world):
    replayed = replay(world, again=True).study(STUDY)
    in_all = 3 if world.binding.kind is IMAGES else 4  # who is told hears of the deletion too
    assert replayed == Replayed(1, in_all, STUDY.study_instance_uid)
    world.queue *= 2
    world.drain()
    assert len(world.target.taken) == in_all


def test_all_studies_of_a_space_and_on_from_where_it_stopped(world):
    seen = []
    whole = replay(world, again=True).everything("main", progress=seen.append)
    assert seen == [whole]
    assert whole.studies == 1
    assert replay(world).everything("main", after=whole.cursor) == Replayed(cursor=whole.cursor)


def test_a_time_range_is_what_the_feed_told_then(world):
    moments = [world.manifest.rows[key_of(place)].arrival.stored_at for place in range(4)]
    replayed = replay(world, again=True).time_range("main", moments[1], moments[2] + timedelta(microseconds=1))
    assert (replayed.studies, replayed.messages, replayed.cursor) == (1, 2, "3")
    world.drain()
    assert len(world.target.taken) == 2
    on = replay(world, again=True).time_range("main", moments[1], world.clock(), after=replayed.cursor)
    assert on.cursor == "4"


def test_revisions_are_told_again_in_order_from_the_first_of_the_time(world):
    world = Deliveries(binding_to(NOTICES, Occasion.STUDY))
    for place in range(3):
        world.change(place)
        world.revise()
    world.drain()
    created = world.manifest.revisions[1][0].created_at
    replay(world, again=True).time_range("main", created - timedelta(microseconds=1), world.clock())
    world.drain()
    assert world.target.revisions == [1, 2, 3, 2, 3]
    replay(world, again=True).study(STUDY)
    world.drain()
    assert world.target.revisions == [1, 2, 3, 2, 3, 1, 2, 3]


def test_a_study_goes_again_whole():
    world = Deliveries(binding_to(IMAGES, Occasion.STUDY))
    for place in range(3):
        world.change(place)
    world.revise()
    world.drain()
    replay(world).study(STUDY)
    world.drain()
    assert len(world.target.taken) == 3
    replay(world, again=True).study(STUDY)
    world.queue *= 2
    world.drain()
    assert len(world.target.taken) == 6


def test_what_cannot_be_replayed_is_refused():
    world = Deliveries(binding_to(IMAGES, space="main"))
    with pytest.raises(Rejected, match="no such study"):
        replay(world).study(STUDY)
    with pytest.raises(Rejected, match="not about the space"):
        replay(world).study(StudyKey("research", "1.2.3"))
