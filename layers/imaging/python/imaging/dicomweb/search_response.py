"""What a search returns of each match, PS3.18 Section 10.6.3.3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imaging.model.links import Links
from imaging.reading.match_attributes import INSTANCE_AVAILABILITY, element, identity_of, levels_of
from imaging.reading.query_keys import TIMEZONE_OFFSET_FROM_UTC, Level, creator_tag
from imaging.reading.search_catalogue import Match

# What is returned in any case, and empty if unknown: PS3.18 Tables 10.6.3-3, 10.6.3-4 and 10.6.3-5.
_REQUIRED: Mapping[Level, Mapping[str, str]] = {
    Level.STUDY: {
        "00080020": "DA",  # StudyDate
        "00080030": "TM",  # StudyTime
        "00080050": "SH",  # AccessionNumber
        "00080090": "PN",  # ReferringPhysicianName
        "00100010": "PN",  # PatientName
        "00100020": "LO",  # PatientID
        "00100030": "DA",  # PatientBirthDate
        "00100040": "CS",  # PatientSex
        "00200010": "SH",  # StudyID
    },
    Level.SERIES: {
        "00080060": "CS",  # Modality
        "00200011": "IS",  # SeriesNumber
    },
    Level.INSTANCE: {
        "00200013": "IS",  # InstanceNumber
    },
}
# Returned where the instances have it.
_KNOWN: Mapping[Level, frozenset[str]] = {
    Level.STUDY: frozenset(),
    Level.SERIES: frozenset(
        {
            "0008103E",  # SeriesDescription
            "00400244",  # PerformedProcedureStepStartDate
            "00400245",  # PerformedProcedureStepStartTime
            "00400275",  # RequestAttributesSequence
        }
    ),
    Level.INSTANCE: frozenset(
        {
            "00280008",  # NumberOfFrames
            "00280010",  # Rows
            "00280011",  # Columns
            "00280100",  # BitsAllocated
        }
    ),
}


@dataclass(frozen=True)
class Wanted:
    """Which attributes of a match to return.

    Attributes
    ----------
    levels
        Those whose required attributes are returned.
    included
        Further tags, of any of the match's levels.
    includes_all
        Return all there is at `levels`.
    private_creators
        Of extended query tags that are private.
    tag_levels
        The levels of all extended query tags.
    """

    levels: frozenset[Level]
    included: frozenset[str]
    includes_all: bool
    private_creators: Mapping[str, str] = field(default_factory=dict)
    tag_levels: Mapping[str, Level] = field(default_factory=dict)


def search_result(match: Match, wanted: Wanted, links: Links) -> dict[str, Any]:
    """One element of the response's array, in the order of its tags."""
    result: dict[str, Any] = {}
    for of_level in levels_of(match, wanted.tag_levels):
        level = of_level.level
        if level in wanted.levels:
            result |= {tag: {"vr": vr} for tag, vr in _REQUIRED[level].items()}
        for tag, attribute in of_level.stored.items():
            if tag in wanted.included or (level in wanted.levels and _is_returned(level, tag, wanted)):
                result[tag] = attribute
        computed = {**_available(_address(match, level, links)), **of_level.computed}
        result |= {tag: value for tag, value in computed.items() if level in wanted.levels or tag in wanted.included}
    result |= {
        creator_tag(tag): element("LO", creator) for tag, creator in wanted.private_creators.items() if tag in result
    }
    return dict(sorted((result | identity_of(match) | _of_all_levels(match)).items()))


def _is_returned(level: Level, tag: str, wanted: Wanted) -> bool:
    return wanted.includes_all or tag in _REQUIRED[level] or tag in _KNOWN[level]


def _address(match: Match, level: Level, links: Links) -> str:
    """The RetrieveURL of what the match is at the level."""
    if level is Level.INSTANCE and match.instance:
        return links.instance(match.instance.key)
    if level is Level.SERIES and match.series:
        return links.series(match.study.key, match.series.series_instance_uid)
    return links.study(match.study.key)


def _of_all_levels(match: Match) -> dict[str, Any]:
    """SpecificCharacterSet, JSON being UTF-8 whatever the instances are, and TimezoneOffsetFromUTC if it is known."""
    zone = match.study.attributes.get(TIMEZONE_OFFSET_FROM_UTC)
    return {"00080005": element("CS", "ISO_IR 192"), **({TIMEZONE_OFFSET_FROM_UTC: zone} if zone else {})}


def _available(address: str) -> dict[str, Any]:
    """InstanceAvailability and RetrieveURL."""
    return {INSTANCE_AVAILABILITY: element("CS", "ONLINE"), "00081190": element("UR", address)}
