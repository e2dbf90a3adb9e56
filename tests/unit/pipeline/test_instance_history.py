"""What object versions and delete markers tell of an instance that no revision has seen."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from imaging.pipeline.instance_history import CameAndWent, came_and_went
from imaging.ports.objects import ListedVersion

START = datetime(2026, 11, 22, tzinfo=UTC)


def listed(happened: str, seconds: list[int] | None = None) -> list[ListedVersion]:
    """Versions as S3 lists them, with puts (p) and deletions (d); all in one second unless said otherwise."""
    versions = []
    for number, each in enumerate(happened):
        at = START + timedelta(seconds=seconds[number] if seconds else 0)
        versions.insert(0, ListedVersion("a", f"v{number}", each == "d", number == len(happened) - 1, at))
    # Puts and markers come in lists of their own, so which came first in a second is not known.
    return sorted(versions, key=lambda each: (not each.is_latest, -each.last_modified.timestamp()))


def test_what_is_there_or_never_was_has_not_gone() -> None:
    assert came_and_went([]) is None
    assert came_and_went(listed("p")) is None
    assert came_and_went(listed("pdp")) is None
    assert came_and_went(listed("d")) is None


def test_every_put_and_every_deletion_of_something_is_a_change() -> None:
    assert came_and_went(listed("pd")) == CameAndWent(2, "v0")
    assert came_and_went(listed("ppd", [0, 1, 2])) == CameAndWent(3, "v1")
    assert came_and_went(listed("pdd")) == CameAndWent(2, "v0")


@given(st.integers(1, 4), st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_coming_and_going_is_told_apart_within_a_second(times: int, pauses: list[int]) -> None:
    seconds = [sum(pauses[: place + 1]) for place in range(2 * times)]
    assert came_and_went(listed("pd" * times, seconds)) == CameAndWent(2 * times, f"v{2 * times - 2}")


@given(st.integers(0, 3), st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_what_came_before_a_deletion_that_is_known_does_not_count(times: int, pauses: list[int]) -> None:
    seconds = [sum(pauses[: place + 1]) for place in range(2 * times + 2)]
    found = came_and_went(listed("pd" * (times + 1), seconds), since="v0")
    assert found == (CameAndWent(2 * times, f"v{2 * times}") if times else None)
