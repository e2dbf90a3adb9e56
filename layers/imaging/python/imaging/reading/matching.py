"""Attribute matching, PS3.4 Section C.2.2.2, the same for every protocol that searches."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from imaging.dicom.uid import check_uid
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import DicomJson
from imaging.reading.query_keys import MatchKey

_DATE = re.compile("[0-9]{8}")
_CODE_STRING = re.compile(r"[A-Z0-9 _]{1,16}\Z")  # PS3.5 6.2
_INTEGER_STRING = re.compile(r"[+-]?[0-9]{1,11}\Z")  # PS3.5 6.2
_LIST_SEPARATOR = re.compile(r"[\\,]")
_MAX_CHARACTERS = 255  # an index key holds no more of a value
_EXPECTED = {
    "UI": "one UID, or several separated by commas",
    "DA": "a date as YYYYMMDD, or a range as YYYYMMDD-YYYYMMDD, YYYYMMDD- or -YYYYMMDD",
    "CS": "one code in capital letters, or several separated by commas",
    "IS": "a whole number",
}
_EXPECTED_TEXT = f"text of at most {_MAX_CHARACTERS} characters, where * stands for any and ? for one character"


class Matcher(Protocol):
    """Decides on the values of one attribute; no value at all matches nothing."""

    def matches(self, values: Sequence[str]) -> bool:
        """Whether any of the values matches."""


@dataclass(frozen=True)
class OneOf:
    """Single Value Matching and List of UID Matching, PS3.4 C.2.2.2.1 and C.2.2.2.2."""

    values: frozenset[str]

    def matches(self, values: Sequence[str]) -> bool:
        """Whether any of the values is one of these."""
        return not self.values.isdisjoint(values)


@dataclass(frozen=True)
class DateRange:
    """Range Matching, PS3.4 C.2.2.2.5; both ends included, "" for an open one, never both."""

    first: str
    last: str

    def matches(self, values: Sequence[str]) -> bool:
        """Whether any of the dates is in the range."""
        return any(self.first <= value <= (self.last or "99999999") for value in values if _DATE.fullmatch(value))


@dataclass(frozen=True)
class Wildcard:
    """Wild Card Matching, PS3.4 C.2.2.2.4; of names without regard to case, as C.2.2.2.1 lets us."""

    pattern: str
    ignores_case: bool
    _expression: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # fnmatch's expressions cannot be driven into endless backtracking; "[" is no wild card here.
        translated = fnmatch.translate(self._comparable(self.pattern).replace("[", "[[]"))
        object.__setattr__(self, "_expression", re.compile(translated))

    def matches(self, values: Sequence[str]) -> bool:
        """Whether any of the values has the pattern."""
        return any(self._expression.match(self._comparable(value)) for value in values)

    def _comparable(self, value: str) -> str:
        return value.rstrip("^").casefold() if self.ignores_case else value


def values_of(attributes: DicomJson, tag: str) -> list[str]:
    """All values of an attribute as text; of a Person Name, each of its component groups."""
    texts: list[object] = []
    for value in attributes.get(tag, {}).get("Value", ()):
        texts += value.values() if isinstance(value, dict) else [value]
    return [str(text).strip() for text in texts if text is not None]


def matcher_of(key: MatchKey, value: str) -> Matcher | None:
    """Read what a query asks of an attribute; None for Universal Matching, PS3.4 C.2.2.2.3.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`; the message names the attribute and never the value.
    """
    value = value.strip(" ")
    if not value.strip("*"):
        return None
    matcher = _PARSERS.get(key.vr, _text)(key, value)
    if matcher is None:
        expected = _EXPECTED.get(key.vr, _EXPECTED_TEXT)
        raise Rejected(RejectReason.MALFORMED_REQUEST, f"{key.keyword} cannot be read; it takes {expected}.")
    return matcher


def _uids(key: MatchKey, value: str) -> Matcher | None:
    uids = [uid.strip(" \0") for uid in _LIST_SEPARATOR.split(value)]
    try:
        return OneOf(frozenset(check_uid(key.keyword, uid) for uid in uids))
    except Rejected:
        return None


def _dates(_key: MatchKey, value: str) -> Matcher | None:
    first, hyphen, last = (part.strip() for part in value.partition("-"))
    if not hyphen:
        last = first
    bounds = [bound for bound in (first, last) if bound]
    if not bounds or not all(map(_is_date, bounds)) or bounds != sorted(bounds):
        return None
    return DateRange(first, last)


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def _codes(_key: MatchKey, value: str) -> Matcher | None:
    codes = [code.strip() for code in _LIST_SEPARATOR.split(value)]
    return OneOf(frozenset(codes)) if all(map(_CODE_STRING.match, codes)) else None


def _integer(_key: MatchKey, value: str) -> Matcher | None:
    return OneOf(frozenset({str(int(value))})) if _INTEGER_STRING.match(value) else None


def _text(key: MatchKey, value: str) -> Matcher | None:
    if len(value) > _MAX_CHARACTERS or not value.isprintable():
        return None
    if key.vr == "PN" or set(value) & set("*?"):
        return Wildcard(value, ignores_case=key.vr == "PN")
    return OneOf(frozenset({value}))


_PARSERS = {"UI": _uids, "DA": _dates, "CS": _codes, "IS": _integer}
