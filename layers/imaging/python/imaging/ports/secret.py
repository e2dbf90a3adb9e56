"""A secret that somebody keeps for us, and may change."""

from typing import Protocol


class Secret(Protocol):
    """One text, such as a token or a key."""

    def text(self) -> str:
        """The text, as it was when it was last read.

        Raises
        ------
        imaging.errors.Unavailable
            It cannot be read now.
        """

    def forget(self) -> None:
        """Read it anew when it is next asked for: it is not taken any more."""
