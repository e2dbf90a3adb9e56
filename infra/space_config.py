"""A storage space: an entry of ``imaging.spaces``."""

from dataclasses import dataclass

from infra.section import Section


@dataclass(frozen=True)
class SpaceConfiguration:
    """A storage space."""

    name: str
    ae_title: str
    other_bytes: str
    patient_identifier_system: str

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
            patient_identifier_system=section.text(
                "patient_identifier_system", "", pattern=r"|[a-z][a-z0-9+.-]*:\S+", must="a URI"
            ),
        )
