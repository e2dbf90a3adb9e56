"""The query of a search request, PS3.18 Section 8.3.4."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom.datadict import tag_for_keyword

from imaging.errors import Rejected, RejectReason
from imaging.reading.matching import Matcher, matcher_of
from imaging.reading.query_keys import MODALITIES_IN_STUDY, Level, match_keys

MAX_OFFSET = 100_000  # that many keys are read to get there; a range of dates gets there for nothing

_TAG = re.compile(r"[0-9A-Fa-f]{8}\Z")
_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_NOT_PERFORMED = {  # PS3.18 8.3.4.2, 8.3.4.5 and 8.3.4.6, word for word
    "fuzzymatching": "The fuzzymatching parameter is not supported. Only literal matching has been performed.",
    "emptyvaluematching": (
        "The emptyvaluematching parameter is not supported. Empty Value Matching has not been performed."
    ),
    "multiplevaluematching": (
        "The multiplevaluematching parameter is not supported. Multiple Value Matching has not been performed."
    ),
}
_CONTROLS = {"limit", "offset", "includefield", "accept", "charset", *_NOT_PERFORMED}  # PS3.18 8.3.3 and 8.3.4


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
    warnings
        What was asked for and not done.
    """

    criteria: dict[str, Matcher]
    included: frozenset[str]
    includes_all: bool
    limit: int
    offset: int
    warnings: tuple[str, ...]


def parse_query(parameters: Sequence[tuple[str, str]], level: Level, *, max_results: int) -> SearchParameters:
    """Read the query of a search at `level`.

    Parameters
    ----------
    max_results
        What ``limit`` is at most, and if it is absent.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`. Messages name what is supported and never repeat
        what was sent: it may be a patient's name.
    """
    matched = _matched([(name, value) for name, value in parameters if name.lower() not in _CONTROLS], level)
    fields = [field.strip() for value in _values(parameters, "includefield") for field in value.split(",")]
    return SearchParameters(
        criteria={tag: matcher for tag, matcher in matched.items() if matcher},
        included=frozenset(matched) | {_tag(field) for field in fields if field not in ("", "all")},
        includes_all="all" in fields,
        limit=min(_number(parameters, "limit", max_results), max_results),
        offset=_offset(parameters),
        warnings=tuple(text for name, text in _NOT_PERFORMED.items() if _is_true(parameters, name)),
    )


def _values(parameters: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for given, value in parameters if given.lower() == name]


def _matched(attributes: Iterable[tuple[str, str]], level: Level) -> dict[str, Matcher | None]:
    keys = match_keys(level)
    by_name = {name: key for key in keys for name in (key.keyword, key.tag)}
    if level is Level.STUDY:  # Modality is no study attribute; who asks for it here means this one
        by_name |= dict.fromkeys(("Modality", "00080060"), MODALITIES_IN_STUDY)
    matched: dict[str, Matcher | None] = {}
    for name, value in attributes:
        key = by_name.get(name.upper() if _TAG.match(name) else name)
        if key is None:
            raise _malformed(
                f"The query names what a search at this level cannot match; it can match "
                f"{', '.join(key.keyword for key in keys)}, by keyword or as eight hexadecimal digits, "
                f"and takes limit, offset, includefield and fuzzymatching"
            )
        if key.tag in matched:
            raise _malformed(f"{key.keyword} is in the query twice; give it once")
        matched[key.tag] = matcher_of(key, value)
    return matched


def _tag(field: str) -> str:
    """The tag of an attribute to include; of one inside a sequence, the sequence's."""
    attribute = field.partition(".")[0]
    if _TAG.match(attribute):
        return attribute.upper()
    tag = tag_for_keyword(attribute)
    if tag is None:
        raise _malformed(
            'includefield takes "all", or keywords and tags in eight hexadecimal digits, separated by commas'
        )
    return f"{tag:08X}"


def _number(parameters: Iterable[tuple[str, str]], name: str, default: int) -> int:
    values = _values(parameters, name) or [str(default)]
    if len(values) > 1 or not _NUMBER.match(values[0]):
        raise _malformed(f"{name} is one whole number, 0 or more")
    return int(values[0])


def _offset(parameters: Iterable[tuple[str, str]]) -> int:
    offset = _number(parameters, "offset", 0)
    if offset > MAX_OFFSET:
        raise _malformed(f"offset is at most {MAX_OFFSET}; narrow the search by StudyDate instead")
    return offset


def _is_true(parameters: Iterable[tuple[str, str]], name: str) -> bool:
    values = [value.lower() for value in _values(parameters, name)]
    if not set(values) <= {"true", "false"}:
        raise _malformed(f"{name} is true or false")
    return "true" in values


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, f"{sentence}.")
