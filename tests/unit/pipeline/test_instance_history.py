"""How many changes object versions and delete markers tell of, that no revision has seen."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from imaging.pipeline.instance_history import changes_after
from imaging.ports.objects import ListedVersion

START = datetime(2026, 11, 22, tzinfo=UTC)

scripts = st.lists(st.tuples(st.sampled_from("pd"), st.integers(0, 2)), max_size=10)


@dataclass
class Lived:
    """An instance to which puts (p) and deletions (d) happened, each so many seconds after the one before."""

    script: list[tuple[str, int]]

    @property
    def versions(self) -> list[ListedVersion]:
        """As S3 lists them: puts and markers come in lists of their own, their order in a second is not known."""
        versions, at = [], START
        for number, (happened, seconds) in enumerate(self.script):
            at += timedelta(seconds=seconds)
            versions.insert(0, ListedVersion("a", f"v{number}", happened == "d", number == len(self.script) - 1, at))
        versions.sort(key=lambda each: each.is_delete_marker)
        return sorted(versions, key=lambda each: (not each.is_latest, -each.last_modified.timestamp()))

    def changes_after(self, place: int) -> int:
        """How many changes were told, by one who saw each and began behind that place; -1 is the beginning."""
        changes, is_present = 0, place >= 0
        for happened, _ in self.script[place + 1 :]:
            changes += happened == "p" or is_present
            is_present = happened == "p"
        return changes


def test_every_put_and_every_deletion_of_something_is_a_change() -> None:
    for script, changes in {"": 0, "d": 0, "p": 1, "pd": 2, "ppd": 3, "pdd": 2, "pdp": 3, "pdpdpd": 6}.items():
        assert changes_after(Lived([(each, 1) for each in script]).versions) == changes


@given(scripts)
def test_no_change_is_missed_whatever_happened_within_a_second(script: list[tuple[str, int]]) -> None:
    lived = Lived(script)
    assert changes_after(lived.versions) >= lived.changes_after(-1)
    for place, (happened, _) in enumerate(script):
        if happened == "p":
            assert changes_after(lived.versions, since=f"v{place}") >= lived.changes_after(place)


@given(st.integers(1, 4), st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_what_came_and_went_is_counted_exactly_whatever_happened_within_a_second(times: int, pauses: list[int]) -> None:
    lived = Lived(list(zip("pd" * times, pauses, strict=False)))
    assert changes_after(lived.versions) == 2 * times
    assert changes_after(lived.versions, since="v0") == 2 * times - 1


def test_a_version_that_was_removed_for_good_hides_nothing_that_is_left() -> None:
    versions = Lived([("p", 1), ("d", 1)]).versions
    assert changes_after(versions, since="gone") == 2
    assert changes_after(versions[:1], since="gone") == 1
