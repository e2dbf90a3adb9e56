"""A storage space: an entry of ``imaging.spaces``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.section import Section

FINISHING_HINTS = ("association-released", "expected-instances")
"""What may say that a study is complete before it has been quiet for long."""
_HINTS = " and ".join(FINISHING_HINTS)

_URI = r"[a-z][a-z0-9+.-]*:\S+"
# PS3.5 Section 6.2, LO: 64 characters, no backslash, no control character; spaces around them do not count.
_ISSUER = re.compile(r"(?! )[^\\\x00-\x1f\x7f]{1,64}(?<! )")


@dataclass(frozen=True)
class SpaceConfiguration:
    """A storage space.

    Attributes
    ----------
    longest_wait_seconds
        After so long an open study gets a revision even if it is never quiet; 0 for never.
    finish_on
        Hints that end the quiet period early.
    issuers
        FHIR's systems of those that devices name by a text of their own, by that text.
    """

    name: str
    ae_title: str
    other_bytes: str
    patient_identifier_system: str
    longest_wait_seconds: int
    finish_on: tuple[str, ...]
    issuers: Mapping[str, str] = field(hash=False)

    @classmethod
    def of(cls, path: str, values: object) -> "SpaceConfiguration":
        """Read one entry of ``imaging.spaces``."""
        section = Section(path, values, cls.__dataclass_fields__)
        return cls(
            name=section.text(
                "name",
                pattern="[a-z]([a-z0-9-]{0,28}[a-z0-9])?",
                must="at most 30 lower-case letters, digits and hyphens",
            ),
            # PS3.5 Section 6.2, AE: 16 characters, no backslash, no control character, not spaces alone.
            ae_title=section.text("ae_title", pattern=r"[!-\[\]-~]{1,16}", must="an AE title of 1 to 16 characters"),
            other_bytes=section.choice("other_bytes", "replace", ("replace", "refuse")),
            patient_identifier_system=section.text("patient_identifier_system", "", pattern=f"|{_URI}", must="a URI"),
            longest_wait_seconds=section.number("longest_wait_seconds", 0, least=0, most=604_800),
            finish_on=section.texts(
                "finish_on", pattern="|".join(FINISHING_HINTS), must=f"hints, of which there are {_HINTS}"
            ),
            issuers=_issuers(section),
        )

    @property
    def finishes_on_release(self) -> bool:
        """Whether the end of an association is a hint."""
        return "association-released" in self.finish_on


def _issuers(section: Section) -> dict[str, str]:
    stated = section.value("issuers", {})
    if not isinstance(stated, Mapping) or not all(isinstance(name, str) and _ISSUER.fullmatch(name) for name in stated):
        raise section.error("issuers", "an object of URIs by the text that devices write, of 1 to 64 characters")
    issuers = Section(f"{section.path}.issuers", stated, stated)
    return {name: issuers.text(name, pattern=_URI, must="a URI") for name in stated}
