"""Settings of a process, read once from its environment."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from imaging.errors import Rejected, RejectReason

_TAG = re.compile("[0-9A-Fa-f]{8}")
_LEVELS = ("study", "series", "instance")
_COMPARABLE_VRS = frozenset(
    (
        *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH"),
        *("SL", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UR", "US", "UT", "UV"),
    )
)


class OtherBytes(StrEnum):
    """What a space does with other bytes under a known SOP Instance UID."""

    REPLACE = "replace"
    REFUSE = "refuse"


class Hint(StrEnum):
    """What may finish a study before it has been quiet."""

    ASSOCIATION_RELEASED = "association-released"
    EXPECTED_INSTANCES = "expected-instances"


@dataclass(frozen=True)
class Space:
    """A storage space, as `SPACES` lists it.

    Attributes
    ----------
    longest_wait
        How long a study that is never quiet waits for a revision; None: for ever.
    issuers
        URIs of those that devices name by a text of their own, by that text.
    """

    name: str
    bucket: str
    ae_title: str
    other_bytes: OtherBytes
    patient_identifier_system: str
    longest_wait: timedelta | None = None
    finish_on: frozenset[Hint] = frozenset()
    issuers: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def finishes_on_release(self) -> bool:
        """Whether a released association finishes a study early."""
        return Hint.ASSOCIATION_RELEASED in self.finish_on

    @property
    def finishes_on_expected(self) -> bool:
        """Whether the sender's number of instances finishes a study early."""
        return Hint.EXPECTED_INSTANCES in self.finish_on


@dataclass(frozen=True)
class QueryTag:
    """A further attribute that is indexed, as `QUERY_TAGS` lists it.

    Attributes
    ----------
    tag
        Eight hexadecimal digits; of a private attribute in block 10, wherever
        the block of its creator lies in an instance.
    keyword
        "" for a private one.
    level
        ``study``, ``series`` or ``instance``.
    """

    tag: str
    keyword: str
    vr: str
    level: str
    private_creator: str = ""


class MissingSetting(Exception):
    """The process was started without a setting it needs."""


class WrongSetting(Exception):
    """The process was started with a setting it cannot make sense of."""


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
                longest_wait=timedelta(seconds=entry.get("longest_wait_seconds", 0)) or None,
                finish_on=frozenset(map(Hint, entry.get("finish_on", ()))),
                issuers=entry.get("issuers", {}),
            )
            for entry in json.loads(self["SPACES"])
        }

    @property
    def cors_origins(self) -> list[str]:
        """Whose pages may read answers (`CORS_ORIGINS`, a JSON list); nobody's where it is absent."""
        origins: list[str] = json.loads(self.get("CORS_ORIGINS", "[]"))
        return origins

    @property
    def viewer_url_template(self) -> str:
        """Where studies are looked at, with what stands for them (`VIEWER_URL_TEMPLATE`); "" for no viewer."""
        return self.get("VIEWER_URL_TEMPLATE")

    @property
    def viewer_embedded_in(self) -> list[str]:
        """Whose pages may have the viewer in a frame (`VIEWER_EMBEDDED_IN`, a JSON list), beside its own origin's."""
        origins: list[str] = json.loads(self.get("VIEWER_EMBEDDED_IN", "[]"))
        return origins

    @property
    def query_tags(self) -> tuple[QueryTag, ...]:
        """Which further attributes are indexed (`QUERY_TAGS`, a JSON list); none where it is absent.

        Raises
        ------
        WrongSetting
            If one of them is no attribute that a search could compare.
        """
        found = tuple(_query_tag(**entry) for entry in json.loads(self.get("QUERY_TAGS", "[]")))
        if len({tag.tag for tag in found}) < len(found):
            raise WrongSetting("QUERY_TAGS names an attribute twice; rows have one place for it.")
        return found

    @property
    def query_tags_settle(self) -> timedelta:
        """How long a process may live that does not know a query tag just configured (`QUERY_TAGS_SETTLE_SECONDS`)."""
        return timedelta(seconds=float(self.get("QUERY_TAGS_SETTLE_SECONDS", "900")))

    @property
    def quiet(self) -> timedelta:
        """How long a study must be quiet before a revision (`QUIET_SECONDS`)."""
        return timedelta(seconds=float(self["QUIET_SECONDS"]))


def _query_tag(tag: str, level: str, vr: str = "", private_creator: str = "") -> QueryTag:
    from pydicom import datadict  # noqa: PLC0415 - a large module, and most processes have no query tags

    number = int(tag, 16) if _TAG.fullmatch(tag) else datadict.tag_for_keyword(tag)
    if number is None:
        raise WrongSetting(f"Query tag {tag} is neither a keyword of PS3.6 nor eight hexadecimal digits.")
    if number >> 16 & 1:
        if not (vr and private_creator):
            raise WrongSetting(f"Query tag {tag} is private and needs its vr and its private_creator.")
        number, keyword = number & 0xFFFF00FF | 0x1000, ""
    else:
        known = datadict.dictionary_VR(number).split(" or ") if datadict.dictionary_has_tag(number) else [vr]
        if not known[0]:
            raise WrongSetting(f"Query tag {tag} is not in PS3.6 and needs its vr.")
        if vr and vr not in known:
            raise WrongSetting(f"Query tag {tag} has the VR {' or '.join(known)} in PS3.6; leave its vr out.")
        vr, keyword, private_creator = vr or known[0], datadict.keyword_for_tag(number), ""
    if vr not in _COMPARABLE_VRS:
        raise WrongSetting(f"Query tag {tag} has the VR {vr}, whose values no search can compare.")
    if level not in _LEVELS:
        raise WrongSetting(f"Query tag {tag} needs a level: study, series or instance.")
    return QueryTag(f"{number:08X}", keyword, vr, level, private_creator)


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
