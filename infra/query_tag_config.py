"""Further attributes to search by: the entries of ``imaging.query_tags``."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from infra.section import ConfigurationError, Section

_MOST = 64
_MOST_CHARACTERS = 2400
"""Of the list as JSON: all variables of a function's environment have 4 KB together."""

# All value representations but bytes and sequences, whose values no key can match; PS3.5 Section 6.2.
_MATCHABLE = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH"),
    *("SL", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UR", "US", "UT", "UV"),
)


@dataclass(frozen=True)
class QueryTagConfiguration:
    """An attribute that is indexed beside those that always are.

    Attributes
    ----------
    tag
        Eight hexadecimal digits, those of a private one with block 10 (``gggg10ee``), or a keyword.
    level
        ``study``, ``series`` or ``instance``: whose attribute it is.
    vr
        Empty where the data dictionary says it.
    private_creator
        Of a private attribute, whose block may lie elsewhere in each instance; PS3.5 Section 7.8.1.
    """

    tag: str
    level: str
    vr: str
    private_creator: str

    @classmethod
    def of(cls, path: str, values: object) -> "QueryTagConfiguration":
        """Read one entry."""
        section = Section(path, values, cls.__dataclass_fields__)
        tag = section.text(
            "tag",
            pattern="[0-9A-Fa-f]{8}|[A-Z][A-Za-z0-9]*",
            must="8 hexadecimal digits or the keyword of an attribute",
        )
        found = cls(
            tag=tag.upper() if _is_number(tag) else tag,
            level=section.choice("level", "", ("study", "series", "instance")),
            vr=section.text("vr", "", pattern=f"|{'|'.join(_MATCHABLE)}", must=f"one of {', '.join(_MATCHABLE)}"),
            # PS3.5 Section 6.2, LO: 64 characters, no backslash, no control character.
            private_creator=section.text(
                "private_creator", "", pattern=r"|[ -\[\]-~]{1,64}", must="the text that reserves the block"
            ),
        )
        is_private = _is_number(tag) and int(tag[3], 16) % 2 == 1
        if is_private and tag[4:6] != "10":
            raise section.error("tag", "written with block 10 (gggg10ee), wherever the private block lies")
        if is_private != bool(found.private_creator):
            raise section.error("private_creator", "given with a private tag, whose group is odd, and only then")
        if is_private and not found.vr:
            raise section.error("vr", "given with a private tag, which no dictionary knows")
        return found


def query_tags(values: object) -> tuple[QueryTagConfiguration, ...]:
    """Read ``imaging.query_tags``."""
    path = "imaging.query_tags"
    if not isinstance(values, list) or len(values) > _MOST:
        raise ConfigurationError(f"{path} must be a list of at most {_MOST} attributes.")
    found = tuple(QueryTagConfiguration.of(f"{path}[{number}]", entry) for number, entry in enumerate(values))
    if len({(each.tag, each.private_creator) for each in found}) < len(found):
        raise ConfigurationError(f"{path} must have each tag only once.")
    if len(query_tags_setting(found)) > _MOST_CHARACTERS:
        raise ConfigurationError(
            f"{path} must have at most {_MOST_CHARACTERS} characters as JSON, what fits into a function's environment."
        )
    return found


def query_tags_setting(tags: tuple[QueryTagConfiguration, ...]) -> str:
    """The list as the processes read it (`QUERY_TAGS`)."""

    def said(tag: QueryTagConfiguration) -> dict[str, Any]:
        return {key: value for key, value in asdict(tag).items() if value}

    return json.dumps([said(tag) for tag in tags], separators=(",", ":"))


def _is_number(tag: str) -> bool:
    return len(tag) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in tag)
