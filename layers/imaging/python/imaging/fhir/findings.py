"""What of a study could not be mapped, gathered while it is mapped."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from pydicom.datadict import keyword_for_tag

from imaging.dicom.attributes import Attributes, text

Mapped = TypeVar("Mapped")


class Findings:
    """The attributes with values that FHIR cannot hold, by keyword; never their values.

    Parameters
    ----------
    unreadable
        Tags of which the values could not even be read, as 8 hexadecimal digits.
    """

    def __init__(self, unreadable: Iterable[str] = ()) -> None:
        self._tags = set(unreadable)

    def invalid(self, tag: str) -> None:
        """Note that an attribute says something that cannot be mapped."""
        self._tags.add(tag)

    def mapped(self, attributes: Attributes, tag: str, convert: Callable[[str], Mapped | None]) -> Mapped | None:
        """Convert the text of an attribute; what is there and gives nothing is noted."""
        value = text(attributes, tag)
        if not value.strip():
            return None
        result = convert(value)
        if result is None:
            self.invalid(tag)
        return result

    @property
    def keywords(self) -> tuple[str, ...]:
        """Of all that was found, sorted, each once."""
        return tuple(sorted(keyword_for_tag(tag) or tag for tag in self._tags))
