"""The query of a search request, PS3.18 Section 8.3.4."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from imaging.dicomweb.attribute_names import AttributeNames, is_private_creator
from imaging.errors import Rejected, RejectReason
from imaging.ports.catalogue import QueryTags
from imaging.reading.criteria import Asked, criteria_from
from imaging.reading.matching import ExtendedMatching, Matcher
from imaging.reading.moment import zone_minutes
from imaging.reading.query import MAX_OFFSET
from imaging.reading.query_keys import TIMEZONE_OFFSET_FROM_UTC, Level, key_of

_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_ZONE = ("timezoneoffsetfromutc", TIMEZONE_OFFSET_FROM_UTC)
_CONTROLS = {  # PS3.18 8.3.3 and 8.3.4, and our `after`
    *("limit", "offset", "after", "includefield", "accept", "charset"),
    *("fuzzymatching", "emptyvaluematching", "multiplevaluematching"),
}
_NOT_INDEXED = (
    "The includefield parameter names attributes that are not indexed; they are not returned. "
    "The metadata of the instances have them."
)


@dataclass(frozen=True)
class SearchParameters:
    """What the query of a request says.

    Attributes
    ----------
    criteria
        What to match, by tag.
    included
        Tags to return beside the required ones: what was matched, and what was asked for.
    includes_all
        Return all that is known at the level.
    after
        Where the page before ended, as our Link header said it; "" for the first page.
    warnings
        What was asked for and not done.
    tag_levels
        The levels of the extended query tags that can be searched.
    private_creators
        Of those of them that are private.
    """

    criteria: dict[str, Matcher]
    included: frozenset[str]
    includes_all: bool
    limit: int
    offset: int
    after: str
    warnings: tuple[str, ...]
    tag_levels: Mapping[str, Level] = field(default_factory=dict)
    private_creators: Mapping[str, str] = field(default_factory=dict)


def parse_query(
    parameters: Sequence[tuple[str, str]],
    level: Level,
    *,
    max_results: int,
    query_tags: QueryTags | None = None,
) -> SearchParameters:
    """Read the query of a search at `level`.

    Parameters
    ----------
    max_results
        What ``limit`` is at most, and if it is absent.
    query_tags
        The extended query tags of the space.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`. Messages name what is supported and never repeat
        what was sent: it may be a patient's name.
    """
    tags = query_tags or QueryTags()
    attributes = [(name, value) for name, value in parameters if name.lower() not in _CONTROLS]
    creators = {name.upper(): value.strip() for name, value in attributes if is_private_creator(name)}
    zones = [value for name, value in attributes if name.lower() in _ZONE]
    names = AttributeNames(level, tags, creators)
    asked = _asked(names, attributes)
    fields = [named.strip() for value in _values(parameters, "includefield") for named in value.split(",")]
    included = [names.included(named) for named in fields if named not in ("", "all")]
    extended = ExtendedMatching(
        is_fuzzy=_is_true(parameters, "fuzzymatching"),
        empty_values=_is_true(parameters, "emptyvaluematching"),
        multiple_values=_is_true(parameters, "multiplevaluematching"),
        zone=_zone(zones),
    )
    return SearchParameters(
        criteria=criteria_from(asked, extended),
        included=frozenset(one.path[0].tag for one in asked)
        | {tag for tag, _ in included}
        | ({TIMEZONE_OFFSET_FROM_UTC} if zones else set()),
        includes_all="all" in fields,
        limit=min(_number(parameters, "limit", max_results), max_results),
        offset=_offset(parameters),
        after=_after(parameters),
        warnings=() if all(is_indexed for _, is_indexed in included) else (_NOT_INDEXED,),
        tag_levels={tag.tag: key_of(tag).level for tag in tags.ready},
        private_creators={tag.tag: tag.private_creator for tag in tags.ready if tag.private_creator},
    )


def _values(parameters: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for given, value in parameters if given.lower() == name]


def _asked(names: AttributeNames, attributes: Iterable[tuple[str, str]]) -> list[Asked]:
    asked: list[Asked] = []
    seen = set()
    for name, value in attributes:
        if name.lower() in _ZONE or is_private_creator(name):
            continue
        path = names.path(name)
        tags = tuple(key.tag for key in path)
        if tags in seen:
            raise _malformed(f"{path[-1].keyword} is in the query twice; give it once")  # PS3.18 8.3.4.1
        seen.add(tags)
        asked.append(Asked(path, value))
    return asked


def _zone(values: Sequence[str]) -> int | None:
    """In which zone the query's dates and times are meant, PS3.18 8.3.4.1.1."""
    if not values or values == [""]:
        return None
    zone = zone_minutes(values[0].strip()) if len(values) == 1 else None
    if zone is None:
        raise _malformed("TimezoneOffsetFromUTC is one offset as -HHMM or +HHMM, the plus sign written as %2B")
    return zone


def _number(parameters: Iterable[tuple[str, str]], name: str, default: int) -> int:
    values = _values(parameters, name) or [str(default)]
    if len(values) > 1 or not _NUMBER.match(values[0]):
        raise _malformed(f"{name} is one whole number, 0 or more")
    return int(values[0])


def _offset(parameters: Iterable[tuple[str, str]]) -> int:
    offset = _number(parameters, "offset", 0)
    if offset > MAX_OFFSET:
        raise _malformed(
            f"offset is at most {MAX_OFFSET}; follow the Link headers of the pages, or narrow the search by StudyDate"
        )
    return offset


def _after(parameters: Iterable[tuple[str, str]]) -> str:
    values = _values(parameters, "after") or [""]
    if len(values) > 1:
        raise _malformed("after is in the query twice; give it once, as the Link header of the page before has it")
    return values[0]


def _is_true(parameters: Iterable[tuple[str, str]], name: str) -> bool:
    values = [value.lower() for value in _values(parameters, name)]
    if not set(values) <= {"true", "false"}:
        raise _malformed(f"{name} is true or false")
    return "true" in values


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, f"{sentence}.")
