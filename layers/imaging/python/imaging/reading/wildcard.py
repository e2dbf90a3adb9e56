"""Wild Card Matching, PS3.4 Section C.2.2.2.4."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

WILDCARDS = "*?"


@dataclass(frozen=True)
class Wildcard:
    """A pattern where * stands for any characters and ? for one; case-sensitive.

    fnmatch's expressions cannot be driven into endless backtracking, whatever the pattern.
    """

    pattern: str
    _expression: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_expression", expression(self.pattern))

    def matches(self, values: Sequence[object], _read: object = None, /) -> bool:
        """Whether any of the values has the pattern."""
        return any(self._expression.match(value.strip()) for value in values if isinstance(value, str))


def expression(pattern: str, *, any_characters: str = "*", one_character: str = "?") -> re.Pattern[str]:
    """Compile a pattern.

    Parameters
    ----------
    any_characters, one_character
        What stands for any characters and for one; everything else, brackets included, for itself.
    """
    meant = {any_characters: "*", one_character: "?"}
    literal = {"*": "[*]", "?": "[?]", "[": "[[]"}
    glob = "".join(meant.get(character) or literal.get(character, character) for character in pattern)
    return re.compile(fnmatch.translate(glob))
