"""The attributes of a match, level by level: those that its rows keep, and those that only the manifest knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imaging.dicom.attributes import instance_level
from imaging.model.instance import DicomJson
from imaging.reading.query_keys import MODALITIES_IN_STUDY, SOP_CLASS_UID, Level
from imaging.reading.search_catalogue import Match

INSTANCE_AVAILABILITY = "00080056"
AVAILABLE_TRANSFER_SYNTAX_UID = "00083002"
NUMBER_OF_STUDY_RELATED_SERIES = "00201206"
NUMBER_OF_STUDY_RELATED_INSTANCES = "00201208"
NUMBER_OF_SERIES_RELATED_INSTANCES = "00201209"

COMPUTED: Mapping[str, Level] = {
    MODALITIES_IN_STUDY.tag: Level.STUDY,
    NUMBER_OF_STUDY_RELATED_SERIES: Level.STUDY,
    NUMBER_OF_STUDY_RELATED_INSTANCES: Level.STUDY,
    NUMBER_OF_SERIES_RELATED_INSTANCES: Level.SERIES,
    SOP_CLASS_UID.tag: Level.INSTANCE,
    AVAILABLE_TRANSFER_SYNTAX_UID: Level.INSTANCE,
}
"""What the manifest knows beside the attributes of the instances, and of what."""


@dataclass(frozen=True)
class LevelAttributes:
    """The attributes of a match at one of its levels, in DICOM JSON.

    Attributes
    ----------
    stored
        As its instances have them.
    computed
        Counts, and what the manifest was told beside the data set.
    """

    level: Level
    stored: DicomJson
    computed: dict[str, Any]


def levels_of(match: Match, tag_levels: Mapping[str, Level]) -> list[LevelAttributes]:
    """Say what is known of a match, from the top.

    Parameters
    ----------
    tag_levels
        The levels of the extended query tags.
    """
    study = match.study
    levels = [
        LevelAttributes(
            Level.STUDY,
            study.attributes,
            {
                MODALITIES_IN_STUDY.tag: element("CS", *study.modalities),
                NUMBER_OF_STUDY_RELATED_SERIES: element("IS", study.series),
                NUMBER_OF_STUDY_RELATED_INSTANCES: element("IS", study.instances),
            },
        )
    ]
    if match.series:
        counts = {NUMBER_OF_SERIES_RELATED_INSTANCES: element("IS", match.series.instances)}
        levels.append(LevelAttributes(Level.SERIES, match.series.attributes, counts))
    if match.instance:
        instance = match.instance
        further = {
            tag: instance.attributes[tag]
            for tag, level in tag_levels.items()
            if level is Level.INSTANCE and tag in instance.attributes
        }
        told = {
            SOP_CLASS_UID.tag: element("UI", instance.sop_class_uid),
            AVAILABLE_TRANSFER_SYNTAX_UID: element("UI", instance.arrival.transfer_syntax_uid),
        }
        levels.append(LevelAttributes(Level.INSTANCE, {**instance_level(instance.attributes), **further}, told))
    return levels


def identity_of(match: Match) -> dict[str, Any]:
    """The UIDs down to the level of a match: without them it leads nowhere."""
    identity = {"0020000D": element("UI", match.study.key.study_instance_uid)}
    if match.series:
        identity["0020000E"] = element("UI", match.series.series_instance_uid)
    if match.instance:
        identity["00080018"] = element("UI", match.instance.key.sop_instance_uid)
    return identity


def element(vr: str, *values: str | int) -> dict[str, Any]:
    """An attribute in DICOM JSON."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}
