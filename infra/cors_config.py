"""Which pages of other origins may read answers: the settings below ``imaging.cors``."""

from dataclasses import dataclass

from infra.section import Section

ANY_ORIGIN = "*"
_ORIGIN = r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:[0-9]{1,5})?"


@dataclass(frozen=True)
class CorsConfiguration:
    """Who may read answers from a page of another origin.

    Attributes
    ----------
    allowed_origins
        As browsers write them, or `ANY_ORIGIN` alone.
    """

    allowed_origins: tuple[str, ...]

    @property
    def shown_everywhere(self) -> str:
        """What answers can carry that cannot look at who asks: the one origin, or any."""
        return self.allowed_origins[0] if len(self.allowed_origins) == 1 else ANY_ORIGIN

    @classmethod
    def of(cls, values: object) -> "CorsConfiguration | None":
        """Read ``imaging.cors``: None where it is absent or ``none``."""
        if values in (None, "none"):
            return None
        section = Section("imaging.cors", values, cls.__dataclass_fields__)
        must = "origins such as https://viewer.example.org, in lower case and without a path, or '*' alone"
        origins = section.texts("allowed_origins", pattern=rf"\*|{_ORIGIN}", must=must)
        if not origins or (ANY_ORIGIN in origins and len(origins) > 1):
            raise section.error("allowed_origins", f"a list of {must}")
        return cls(tuple(dict.fromkeys(origins)))
