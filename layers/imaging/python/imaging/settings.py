"""Settings of a process, read once from its environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from imaging.errors import Rejected, RejectReason


class OtherBytes(StrEnum):
    """What a space does with other bytes under a known SOP Instance UID."""

    REPLACE = "replace"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Space:
    """A storage space, as `SPACES` lists it."""

    name: str
    bucket: str
    ae_title: str
    other_bytes: OtherBytes
    patient_identifier_system: str


class MissingSetting(Exception):
    """The process was started without a setting it needs."""


@dataclass(frozen=True)
class Settings:
    """The environment of a process; each reads only what it uses."""

    environment: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """The setting's text.

        Raises
        ------
        MissingSetting
            If it is absent or empty; a process must not start half configured.
        """
        value = self.environment.get(name, "")
        if not value:
            raise MissingSetting(f"The environment variable {name} is missing; the stack sets it on every process.")
        return value

    def get(self, name: str, default: str = "") -> str:
        """The setting's text, or the default."""
        return self.environment.get(name) or default

    @property
    def spaces(self) -> dict[str, Space]:
        """The storage spaces by name (`SPACES`, a JSON list)."""
        return {
            entry["name"]: Space(
                name=entry["name"],
                bucket=entry["bucket"],
                ae_title=entry["ae_title"],
                other_bytes=OtherBytes(entry.get("other_bytes", OtherBytes.REPLACE)),
                patient_identifier_system=entry.get("patient_identifier_system", ""),
            )
            for entry in json.loads(self["SPACES"])
        }

    @property
    def quiet(self) -> timedelta:
        """How long a study must be quiet before a revision (`QUIET_SECONDS`)."""
        return timedelta(seconds=float(self["QUIET_SECONDS"]))


def space_named(spaces: Mapping[str, Space], name: str) -> Space:
    """Find a space.

    Raises
    ------
    Rejected
        `NO_SUCH_SPACE`.
    """
    if name not in spaces:
        raise Rejected(
            RejectReason.NO_SUCH_SPACE,
            "There is no such storage space; the configuration of the deployment lists them.",
        )
    return spaces[name]
