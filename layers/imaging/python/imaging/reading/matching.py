"""Attribute matching, PS3.4 Section C.2.2.2, the same for every protocol that searches."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from pydicom.datadict import dictionary_has_tag, dictionary_VM

from imaging.dicom.uid import check_uid
from imaging.errors import Rejected, RejectReason
from imaging.reading.date_time_ranges import DateRange, parse_date_range, parse_date_time_range, parse_time_range
from imaging.reading.matcher import AllOf, EqualNumber, ItemMatcher, Matcher, NoValue, OneOf, values_of
from imaging.reading.person_name import FuzzyNameMatcher, PersonNameMatcher
from imaging.reading.query_keys import MatchKey
from imaging.reading.wildcard import WILDCARDS, Wildcard

__all__ = [
    "DateRange",
    "ExtendedMatching",
    "FuzzyNameMatcher",
    "ItemMatcher",
    "Matcher",
    "OneOf",
    "PersonNameMatcher",
    "Wildcard",
    "matcher_of",
    "values_of",
]

_AGE_STRING = re.compile(r"[0-9]{3}[DWMY]\Z")  # PS3.5 6.2, as the following
_TAG = re.compile(r"[0-9A-Fa-f]{8}\Z")
_CODE_STRING = re.compile(r"[A-Z0-9 _]{1,16}\Z")
_CODE_PATTERN = re.compile(r"[A-Z0-9 _*?]{1,64}\Z")
_NUMBER = re.compile(r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,3})?\Z")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}\Z")
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LIST_SEPARATOR = re.compile(r"[\\,]")
_EMPTY_VALUE = '""'
_MAX_CHARACTERS = 255  # an index key holds no more of a value
_MULTIPLE_VRS = {"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"}  # PS3.4 C.2.2.2.8
_TEXT_VRS = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_EXPECTED_INTEGER = "a whole number"
_EXPECTED_NUMBER = "a number"
_EXPECTED_TEXT = f"text of at most {_MAX_CHARACTERS} characters, where * stands for any and ? for one character"
_EXPECTED_ANYTHING = "no value: it can be returned and not matched"
_EXPECTED = {
    "AS": "an age as three digits and D, W, M or Y",
    "AT": "a tag in eight hexadecimal digits",
    "CS": "one code in capital letters, several with commas or backslashes between, or one with * and ?",
    "DA": "a date as YYYYMMDD, or a range as YYYYMMDD-YYYYMMDD, YYYYMMDD- or -YYYYMMDD",
    "DT": "a date time as YYYYMMDDHHMMSS.FFFFFF or its beginning, perhaps with +HHMM, or a range of two with a hyphen",
    "SQ": "no value itself; name an attribute of its items behind a dot",
    "TM": "a time as HHMMSS.FFFFFF or its beginning, or a range of two with a hyphen",
    "UI": "one UID, or several with commas or backslashes between",
}


@dataclass(frozen=True)
class ExtendedMatching:
    """The kinds of matching that a query must ask for, as PS3.4 Section C.5.1.1 negotiates them.

    Attributes
    ----------
    is_fuzzy
        Fuzzy Semantic Matching of person names.
    empty_values
        ``""`` matches what is empty or absent.
    multiple_values
        Of several values, all must be there.
    zone
        In which dates and times are meant, minutes east of UTC; None: local.
    combines_date_times
        A range of dates and one of times are one range.
    """

    is_fuzzy: bool = False
    empty_values: bool = False
    multiple_values: bool = False
    zone: int | None = None
    combines_date_times: bool = True


_PLAIN = ExtendedMatching()


def matcher_of(key: MatchKey, value: str, extended: ExtendedMatching = _PLAIN) -> Matcher | None:
    """Read what a query asks of an attribute; None for Universal Matching, PS3.4 C.2.2.2.3.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`; the message names the attribute and never the value.
    """
    value = value.strip(" ")
    if not value.strip("*"):
        return None
    if extended.empty_values and value == _EMPTY_VALUE:
        return NoValue()
    matcher = _matcher(key, value, extended)
    if matcher is None:
        expected = _EXPECTED.get(key.vr) or _EXPECTED_OF_OTHERS.get(key.vr, _EXPECTED_ANYTHING)
        raise Rejected(RejectReason.MALFORMED_REQUEST, f"{key.keyword} cannot be read; it takes {expected}.")
    return matcher


def _matcher(key: MatchKey, value: str, extended: ExtendedMatching) -> Matcher | None:
    parse = _PARSERS.get(key.vr)
    if parse is None or _UNREADABLE.search(value):
        return None
    values = _multiple_values(key, value) if extended.multiple_values else [value]
    matchers = [parse(key, one, extended) for one in values]
    found = tuple(matcher for matcher in matchers if matcher)
    if len(found) < len(matchers) or (len(found) > 1 and set(value) & set(WILDCARDS)):
        return None
    return found[0] if len(found) == 1 else AllOf(found)


def _multiple_values(key: MatchKey, value: str) -> list[str]:
    """Several values that are all wanted, where the attribute may have several."""
    if key.vr not in _MULTIPLE_VRS or (dictionary_has_tag(key.tag) and dictionary_VM(key.tag) == "1"):
        return [value]
    return [one.strip(" ") for one in (_LIST_SEPARATOR.split(value) if key.vr == "CS" else value.split("\\"))]


def _uids(key: MatchKey, value: str, _extended: ExtendedMatching) -> Matcher | None:
    uids = [uid.strip() for uid in _LIST_SEPARATOR.split(value)]
    try:
        return OneOf(frozenset(check_uid(key.keyword, uid) for uid in uids))
    except Rejected:
        return None


def _codes(_key: MatchKey, value: str, _extended: ExtendedMatching) -> Matcher | None:
    if set(value) & set(WILDCARDS):
        return Wildcard(value) if _CODE_PATTERN.match(value) else None
    codes = [code.strip() for code in _LIST_SEPARATOR.split(value)]
    return OneOf(frozenset(codes)) if all(map(_CODE_STRING.match, codes)) else None


def _in_form(form: re.Pattern[str], _key: MatchKey, value: str, _extended: ExtendedMatching) -> Matcher | None:
    return OneOf(frozenset({value.upper()})) if form.match(value) else None


def _number(form: re.Pattern[str], key: MatchKey, value: str, _extended: ExtendedMatching) -> Matcher | None:
    if not form.match(value):
        return None
    number = Decimal(value)
    # what has been a binary number is compared as one
    return EqualNumber(number if form is _INTEGER else Decimal(repr(float(number))), key.vr == "FL")


def _person_name(_key: MatchKey, value: str, extended: ExtendedMatching) -> Matcher | None:
    if len(value) > _MAX_CHARACTERS or PersonNameMatcher(value).is_empty:
        return None
    return FuzzyNameMatcher(value) if extended.is_fuzzy else PersonNameMatcher(value)


def _text(_key: MatchKey, value: str, _extended: ExtendedMatching) -> Matcher | None:
    if len(value) > _MAX_CHARACTERS:
        return None
    return Wildcard(value) if set(value) & set(WILDCARDS) else OneOf(frozenset({value}))


_Parser = Callable[[MatchKey, str, ExtendedMatching], Matcher | None]
_PARSERS: dict[str, _Parser] = {
    "AS": partial(_in_form, _AGE_STRING),
    "AT": partial(_in_form, _TAG),
    "CS": _codes,
    "DA": lambda _key, value, _extended: parse_date_range(value),
    "DT": lambda _key, value, extended: parse_date_time_range(value, extended.zone),
    "PN": _person_name,
    "TM": lambda _key, value, extended: parse_time_range(value, extended.zone),
    "UI": _uids,
    **dict.fromkeys(("AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"), _text),
    **dict.fromkeys(("IS", "SL", "SS", "SV", "UL", "US", "UV"), partial(_number, _INTEGER)),
    **dict.fromkeys(("DS", "FD", "FL"), partial(_number, _NUMBER)),
}
_EXPECTED_OF_OTHERS = {
    **dict.fromkeys(_TEXT_VRS, _EXPECTED_TEXT),
    **dict.fromkeys(("IS", "SL", "SS", "SV", "UL", "US", "UV"), _EXPECTED_INTEGER),
    **dict.fromkeys(("DS", "FD", "FL"), _EXPECTED_NUMBER),
}
