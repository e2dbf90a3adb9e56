"""What a search returns of each match, PS3.18 Section 10.6.3.3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imaging.dicom.attributes import instance_level
from imaging.model.instance import DicomJson
from imaging.model.links import Links
from imaging.reading.query_keys import TIMEZONE_OFFSET_FROM_UTC, Level
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
    for level, attributes, computed in _levels(match, wanted, links):
        if level in wanted.levels:
            result |= {tag: {"vr": vr} for tag, vr in _REQUIRED[level].items()}
        for tag, element in attributes.items():
            if tag in wanted.included or (level in wanted.levels and _is_returned(level, tag, wanted)):
                result[tag] = element
        result |= {tag: value for tag, value in computed.items() if level in wanted.levels or tag in wanted.included}
    result |= {
        f"{tag[:4]}00{tag[4:6]}": _element("LO", creator)  # PS3.5 7.8.1
        for tag, creator in wanted.private_creators.items()
        if tag in result
    }
    return dict(sorted((result | _identity(match) | _of_all_levels(match)).items()))


def _is_returned(level: Level, tag: str, wanted: Wanted) -> bool:
    return wanted.includes_all or tag in _REQUIRED[level] or tag in _KNOWN[level]


def _levels(match: Match, wanted: Wanted, links: Links) -> list[tuple[Level, DicomJson, dict[str, Any]]]:
    """Each level's stored attributes, and those that only the manifest knows; from the top."""
    study = match.study
    levels: list[tuple[Level, DicomJson, dict[str, Any]]] = [
        (
            Level.STUDY,
            study.attributes,
            {
                **_available(links.study(study.key)),
                "00080061": _element("CS", *study.modalities),  # ModalitiesInStudy
                "00201206": _element("IS", study.series),  # NumberOfStudyRelatedSeries
                "00201208": _element("IS", study.instances),  # NumberOfStudyRelatedInstances
            },
        )
    ]
    if match.series:
        series = match.series
        address = links.series(study.key, series.series_instance_uid)
        computed = {**_available(address), "00201209": _element("IS", series.instances)}  # NumberOfSeriesRelated...
        levels.append((Level.SERIES, series.attributes, computed))
    if match.instance:
        instance = match.instance
        computed = {
            **_available(links.instance(instance.key)),
            "00080016": _element("UI", instance.sop_class_uid),  # SOPClassUID
            "00083002": _element("UI", instance.arrival.transfer_syntax_uid),  # AvailableTransferSyntaxUID
        }
        attributes = {
            **instance_level(instance.attributes),
            **{
                tag: instance.attributes[tag]
                for tag, level in wanted.tag_levels.items()
                if level is Level.INSTANCE and tag in instance.attributes
            },
        }
        levels.append((Level.INSTANCE, attributes, computed))
    return levels


def _identity(match: Match) -> dict[str, Any]:
    """The UIDs down to the level, returned at every level: without them a match leads nowhere."""
    identity = {"0020000D": _element("UI", match.study.key.study_instance_uid)}
    if match.series:
        identity["0020000E"] = _element("UI", match.series.series_instance_uid)
    if match.instance:
        identity["00080018"] = _element("UI", match.instance.key.sop_instance_uid)
    return identity


def _of_all_levels(match: Match) -> dict[str, Any]:
    """SpecificCharacterSet, JSON being UTF-8 whatever the instances are, and TimezoneOffsetFromUTC if it is known."""
    zone = match.study.attributes.get(TIMEZONE_OFFSET_FROM_UTC)
    return {"00080005": _element("CS", "ISO_IR 192"), **({TIMEZONE_OFFSET_FROM_UTC: zone} if zone else {})}


def _available(address: str) -> dict[str, Any]:
    """InstanceAvailability and RetrieveURL."""
    return {"00080056": _element("CS", "ONLINE"), "00081190": _element("UR", address)}


def _element(vr: str, *values: str | int) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}
