"""The attributes a search can match, and at which level they are."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """The levels of a search, from the top; PS3.4 C.3.1."""

    STUDY = 1
    SERIES = 2
    INSTANCE = 3


@dataclass(frozen=True)
class MatchKey:
    """An attribute that a query may name, by its keyword or its tag in eight hexadecimal digits."""

    keyword: str
    tag: str
    vr: str
    level: Level


STUDY_INSTANCE_UID = MatchKey("StudyInstanceUID", "0020000D", "UI", Level.STUDY)
PATIENT_ID = MatchKey("PatientID", "00100020", "LO", Level.STUDY)
STUDY_DATE = MatchKey("StudyDate", "00080020", "DA", Level.STUDY)
ACCESSION_NUMBER = MatchKey("AccessionNumber", "00080050", "SH", Level.STUDY)
MODALITIES_IN_STUDY = MatchKey("ModalitiesInStudy", "00080061", "CS", Level.STUDY)
SERIES_INSTANCE_UID = MatchKey("SeriesInstanceUID", "0020000E", "UI", Level.SERIES)
SOP_INSTANCE_UID = MatchKey("SOPInstanceUID", "00080018", "UI", Level.INSTANCE)
SOP_CLASS_UID = MatchKey("SOPClassUID", "00080016", "UI", Level.INSTANCE)

MATCH_KEYS = (
    STUDY_INSTANCE_UID,
    PATIENT_ID,
    MatchKey("PatientName", "00100010", "PN", Level.STUDY),
    STUDY_DATE,
    ACCESSION_NUMBER,
    MODALITIES_IN_STUDY,
    MatchKey("StudyID", "00200010", "SH", Level.STUDY),
    MatchKey("StudyDescription", "00081030", "LO", Level.STUDY),
    MatchKey("ReferringPhysicianName", "00080090", "PN", Level.STUDY),
    SERIES_INSTANCE_UID,
    MatchKey("Modality", "00080060", "CS", Level.SERIES),
    MatchKey("SeriesNumber", "00200011", "IS", Level.SERIES),
    SOP_INSTANCE_UID,
    SOP_CLASS_UID,
    MatchKey("InstanceNumber", "00200013", "IS", Level.INSTANCE),
)


def match_keys(level: Level) -> tuple[MatchKey, ...]:
    """What a search at `level` can match: its own attributes and those above, PS3.18 10.6.1.2."""
    return tuple(key for key in MATCH_KEYS if key.level <= level)
