"""The criteria of a query, from the attributes that it names and what it asks of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.reading.combined_date_time import with_combined_date_times
from imaging.reading.matching import ExtendedMatching, ItemMatcher, Matcher, matcher_of
from imaging.reading.query_keys import MatchKey


@dataclass(frozen=True)
class Asked:
    """An attribute of a query.

    Attributes
    ----------
    path
        The sequences down to it, from the outermost, and itself.
    value
        As the query gives it.
    """

    path: tuple[MatchKey, ...]
    value: str


def criteria_from(asked: Sequence[Asked], extended: ExtendedMatching) -> dict[str, Matcher]:
    """What a data set must meet, by tag; what is asked of one sequence, one of its items must meet.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`; the message names attributes and never a value.
    """
    criteria: dict[str, Matcher] = {}
    inside: dict[str, list[Asked]] = {}
    for one in asked:
        key, *rest = one.path
        if rest:
            inside.setdefault(key.tag, []).append(Asked(tuple(rest), one.value))
        elif matcher := matcher_of(key, one.value, extended):
            criteria[key.tag] = matcher
    for tag, attributes in inside.items():
        if within := criteria_from(attributes, extended):
            criteria[tag] = ItemMatcher(tuple(sorted(within.items())))
    return with_combined_date_times(criteria, extended.zone, combines=extended.combines_date_times)
