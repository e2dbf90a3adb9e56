"""Further attributes to search by: the entries of ``imaging.query_tags``."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from pydicom import datadict

from infra.section import ConfigurationError, Section

_MOST = 64
_MOST_CHARACTERS = 2400
"""Of the list as JSON: all variables of a function's environment have 4 KB together."""

# All value representations but bytes and sequences, whose values no key can match; PS3.5 Section 6.2.
_MATCHABLE = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH"),
    *("SL", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UR", "US", "UT", "UV"),
)


# What a search matches in any case: PS3.18 Tables 10.6.1-5 and 10.6.3-3 to 10.6.3-5, and what FHIR resources are
# made of, as every process indexes it.
MATCHED_ANYWAY = frozenset(
    (
        *("00080008", "00080016", "00080018", "00080020", "00080021", "00080022", "00080023", "0008002A", "00080030"),
        *("00080031", "00080032", "00080033", "00080050", "00080051", "00080060", "00080061", "00080070", "00080080"),
        *("00080090", "00080096", "00080110", "00080201", "00081010", "00081030", "00081032", "0008103E", "0008103F"),
        *("00081040", "00081048", "00081050", "00081052", "00081060", "00081062", "00081070", "00081072", "00081090"),
        *("00082218", "00100010", "00100020", "00100021", "00100022", "00100024", "00100030", "00100040", "00101002"),
        *("00101010", "00180015", "00181030", "0020000D", "0020000E", "00200010", "00200011", "00200012", "00200013"),
        *("00200052", "00200060", "00200062", "00280008", "00280010", "00280011", "00280100", "00321033", "00321060"),
        *("00321064", "00400244", "00400245", "00400250", "00400251", "00400275", "00401012", "0040A043", "0040A491"),
        *("0040A493", "0040A496", "0040E001", "00420010", "00420012", "00700080", "00700081"),
    )
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
        if not is_private:
            _check_standard(section, found)
        return found

    @property
    def number(self) -> str:
        """The tag as eight hexadecimal digits; "" for a keyword that no attribute has."""
        if _is_number(self.tag):
            return self.tag
        number = datadict.tag_for_keyword(self.tag)
        return "" if number is None else f"{number:08X}"


def query_tags(values: object) -> tuple[QueryTagConfiguration, ...]:
    """Read ``imaging.query_tags``."""
    path = "imaging.query_tags"
    if not isinstance(values, list) or len(values) > _MOST:
        raise ConfigurationError(f"{path} must be a list of at most {_MOST} attributes.")
    found = tuple(QueryTagConfiguration.of(f"{path}[{number}]", entry) for number, entry in enumerate(values))
    if len({each.number for each in found}) < len(found):
        raise ConfigurationError(f"{path} must have each tag only once, by its number or by its keyword.")
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


def _check_standard(section: Section, found: QueryTagConfiguration) -> None:
    """An attribute of PS3.6 is what PS3.6 says of it; of what it does not know the VR must be said."""
    if not found.number:
        raise section.error("tag", "8 hexadecimal digits or the keyword of an attribute in PS3.6")
    if found.number in MATCHED_ANYWAY:
        raise section.error("tag", "an attribute that is not searched by anyway")
    number = int(found.number, 16)
    if not datadict.dictionary_has_tag(number):
        if not found.vr:
            raise section.error("vr", "given with a tag that PS3.6 does not know")
        return
    known = datadict.dictionary_VR(number).split(" or ")
    if known[0] not in _MATCHABLE:
        raise section.error("tag", f"an attribute whose values can be compared; this one's VR is {known[0]}")
    if found.vr and found.vr not in known:
        raise section.error("vr", f"left out, or what PS3.6 says ({' or '.join(known)})")


def _is_number(tag: str) -> bool:
    return len(tag) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in tag)
