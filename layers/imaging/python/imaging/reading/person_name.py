"""Matching of person names, PS3.4 Sections C.2.2.2.1.1 and C.2.2.2.4, which leave it to us how."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from imaging.dicom.comparable_text import comparable
from imaging.reading.wildcard import WILDCARDS, expression

COMPONENT_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")  # PS3.18 Section F.2.2

# They stand for * and ? where text is made comparable: no name has them, and a full-width * stays a letter.
_ANY, _ONE = "\ue000", "\ue001"
_PRIVATE_USE = re.compile("[\ue000-\uf8ff]")


@dataclass(frozen=True)
class PersonNameMatcher:
    """A name as a query gives it, compared without regard to case, accents and trailing carets.

    Attributes
    ----------
    value
        With * and ? for any and for one character. Without "=" any one component
        group may have it; with "=" each group must have its part, and an empty
        part says nothing of its group.
    """

    value: str
    _groups: tuple[tuple[str, re.Pattern[str]] | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        comparables = [_pattern(group) for group in self.value.split("=")[: len(COMPONENT_GROUPS)]]
        compiled = [
            (group, expression(group, any_characters=_ANY, one_character=_ONE)) if group.strip(_ANY) else None
            for group in comparables
        ]
        object.__setattr__(self, "_groups", tuple(compiled))

    def matches(self, values: Sequence[object], _read: object = None, /) -> bool:
        """Whether any of the names matches."""
        return not self.is_empty and any(self._is(groups_of(value)) for value in values)

    def _is(self, groups: Sequence[str]) -> bool:
        if "=" not in self.value:
            wanted = self._groups[0]
            return any(group and (wanted is None or wanted[1].match(comparable(group))) for group in groups)
        return any(groups) and all(
            wanted is None or (group and wanted[1].match(comparable(group)) is not None)
            for wanted, group in zip(self._groups, groups, strict=False)
        )

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing of any name: no letter and no wild card."""
        return not any(self._groups) and not set(self.value) & set(WILDCARDS)

    @property
    def prefix(self) -> str:
        """What some component group of each match begins with, made comparable; "" if nothing is known of it."""
        return max((_literal_prefix(group[0]) for group in self._groups if group), key=len, default="")

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The prefix, if there is one."""
        return (self.prefix,) if self.prefix else ()

    @property
    def is_exact(self) -> bool:
        """Whether some component group of each match is the prefix, all of it."""
        return bool(self.prefix) and any(group is not None and group[0] == self.prefix for group in self._groups)


@dataclass(frozen=True)
class FuzzyNameMatcher:
    """Fuzzy Semantic Matching, PS3.18 Section 8.3.4.2: the words of the query in any order.

    Each is the beginning of a word of one component group, or is one typo away
    from such a word if it has at least `_LETTERS_OF_A_TYPO` letters: a letter more,
    less or other, or two neighbours changed. What matches literally matches too.
    """

    value: str
    _literal: PersonNameMatcher = field(init=False, repr=False, compare=False)
    _words: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_literal", PersonNameMatcher(self.value))
        object.__setattr__(self, "_words", tuple(_words(re.sub("[*?]", " ", self.value))))

    def matches(self, values: Sequence[object], _read: object = None, /) -> bool:
        """Whether any of the names matches."""
        return self._literal.matches(values) or any(
            self._is(_words(group)) for value in values for group in groups_of(value)
        )

    def _is(self, words: Sequence[str]) -> bool:
        return bool(self._words) and all(any(_is_alike(asked, word) for word in words) for asked in self._words)


_LETTERS_OF_A_TYPO = 4
_SEPARATORS = re.compile(r"[\s^=,.;]+")


def groups_of(value: object) -> tuple[str, ...]:
    """The component groups of a name in DICOM JSON, all three of them; "" where there is none."""
    if isinstance(value, Mapping):
        return tuple(str(value.get(group) or "").strip() for group in COMPONENT_GROUPS)
    return (value.strip() if isinstance(value, str) else "", "", "")


def _pattern(group: str) -> str:
    return comparable(_PRIVATE_USE.sub("\ufffd", group.strip()).replace("*", _ANY).replace("?", _ONE))


def _literal_prefix(pattern: str) -> str:
    return re.split(f"[{_ANY}{_ONE}]", pattern, maxsplit=1)[0]


def _words(text: str) -> list[str]:
    return [word for word in _SEPARATORS.split(comparable(text)) if word]


def _is_alike(asked: str, word: str) -> bool:
    return word.startswith(asked) or (len(asked) >= _LETTERS_OF_A_TYPO and _is_one_typo_away(asked, word))


def _is_one_typo_away(asked: str, word: str) -> bool:
    differing = (place for place, pair in enumerate(zip(asked, word, strict=False)) if pair[0] != pair[1])
    alike = next(differing, min(len(asked), len(word)))
    here, there = asked[alike:], word[alike:]
    return (
        here[1:] == there  # a letter more
        or here == there[1:]  # less
        or here[1:] == there[1:]  # other
        or (here[:2] == there[:2][::-1] and here[2:] == there[2:])  # two changed
    )
