"""What decides whether the values of an attribute match, PS3.4 Section C.2.2.2."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from imaging.model.instance import DicomJson
from imaging.reading.moment import Read


class Matcher(Protocol):
    """Decides on the values of one attribute; no value at all matches nothing, PS3.4 C.2.2.1.2."""

    def matches(self, values: Sequence[object], read: Read | None = None, /) -> bool:
        """Whether any of the values matches.

        Parameters
        ----------
        values
            As DICOM JSON has them.
        read
            Gives the values of other attributes of the same data set.
        """


@dataclass(frozen=True)
class OneOf:
    """Single Value Matching and List of UID Matching, PS3.4 C.2.2.2.1 and C.2.2.2.2."""

    values: frozenset[str]

    def matches(self, values: Sequence[object], _read: Read | None = None, /) -> bool:
        """Whether any of the values is one of these."""
        return any(value.strip() in self.values for value in values if isinstance(value, str))


@dataclass(frozen=True)
class EqualNumber:
    """Numbers match by their value, however they are written: PS3.4 C.2.2.2.1.

    Attributes
    ----------
    is_single_precision
        Values are of VR FL, whose 0.1 is another number than that of a text.
    """

    value: Decimal
    is_single_precision: bool = False

    def matches(self, values: Sequence[object], _read: Read | None = None, /) -> bool:
        """Whether any of the values is this number."""
        wanted = self._of(self.value)
        return any(wanted is not None and self._of(value) == wanted for value in values)

    def _of(self, value: object) -> Decimal | None:
        try:
            if self.is_single_precision:
                value = struct.unpack("<f", struct.pack("<f", float(str(value))))[0]
            number = Decimal(str(value))
        except (InvalidOperation, ValueError, OverflowError):
            return None
        return number if number.is_finite() else None


@dataclass(frozen=True)
class AllOf:
    """Multiple Value Matching, PS3.4 C.2.2.2.8: each of these matches some value."""

    matchers: tuple[Matcher, ...]

    def matches(self, values: Sequence[object], read: Read | None = None, /) -> bool:
        """Whether they all match."""
        return all(matcher.matches(values, read) for matcher in self.matchers)


@dataclass(frozen=True)
class NoValue:
    """Empty Value Matching, PS3.4 C.2.2.2.7: the attribute is empty or absent."""

    def matches(self, values: Sequence[object], _read: Read | None = None, /) -> bool:
        """Whether there is no value."""
        return all(value is None or value in ("", {}) for value in values)


@dataclass(frozen=True)
class ItemMatcher:
    """Sequence Matching, PS3.4 C.2.2.2.6: some item meets all criteria by itself.

    Attributes
    ----------
    criteria
        Tags and what their values must match, on the attributes of an item.
    """

    criteria: tuple[tuple[str, Matcher], ...]

    def matches(self, values: Sequence[object], _read: Read | None = None, /) -> bool:
        """Whether some item does."""
        return any(meets(dict(self.criteria), reader_of(item)) for item in values if isinstance(item, Mapping))


def meets(criteria: Mapping[str, Matcher], read: Read) -> bool:
    """Whether a data set meets all criteria."""
    return all(matcher.matches(read(tag), read) for tag, matcher in criteria.items())


def reader_of(attributes: Mapping[str, Any]) -> Read:
    """Read values from DICOM JSON; of an absent attribute none."""

    def read(tag: str) -> Sequence[object]:
        attribute = attributes.get(tag)
        values = attribute.get("Value") if isinstance(attribute, Mapping) else None
        return values if isinstance(values, list | tuple) else ()

    return read


def values_of(attributes: DicomJson, tag: str) -> list[str]:
    """All values of an attribute as text; of a Person Name, each of its component groups."""
    texts: list[object] = []
    for value in reader_of(attributes)(tag):
        texts += value.values() if isinstance(value, dict) else [value]
    return [str(text).strip() for text in texts if text is not None]
