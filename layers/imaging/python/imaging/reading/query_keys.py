"""The attributes a search can match, and at which level they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pydicom.datadict import dictionary_VR, keyword_for_tag

from imaging.dicom.attributes import INSTANCE_ATTRIBUTES, PATIENT_STUDY_ATTRIBUTES, SERIES_ATTRIBUTES
from imaging.settings import QueryTag


class Level(IntEnum):
    """The levels of a search, from the top; PS3.4 C.3.1."""

    STUDY = 1
    SERIES = 2
    INSTANCE = 3


@dataclass(frozen=True)
class MatchKey:
    """An attribute that a query may name, by its keyword or its tag in eight hexadecimal digits.

    Attributes
    ----------
    keyword
        Of a private attribute its tag: it has none.
    private_creator
        Empty for an attribute of the standard.
    """

    keyword: str
    tag: str
    vr: str
    level: Level
    private_creator: str = ""


TIMEZONE_OFFSET_FROM_UTC = "00080201"  # in a query it says how to read dates and times, and is not matched: 8.3.4.1.1


def _keys(tags: Iterable[str], level: Level) -> tuple[MatchKey, ...]:
    return tuple(
        MatchKey(keyword_for_tag(int(tag, 16)), tag, dictionary_VR(int(tag, 16)), level)
        for tag in tags
        if tag != TIMEZONE_OFFSET_FROM_UTC
    )


MODALITIES_IN_STUDY = MatchKey("ModalitiesInStudy", "00080061", "CS", Level.STUDY)  # no attribute of an instance

MATCH_KEYS = (
    *_keys(PATIENT_STUDY_ATTRIBUTES, Level.STUDY),
    MODALITIES_IN_STUDY,
    *_keys(SERIES_ATTRIBUTES, Level.SERIES),
    *_keys(INSTANCE_ATTRIBUTES, Level.INSTANCE),
)
"""All that is indexed, and so all that PS3.18 Table 10.6.1-5 requires."""

_BY_KEYWORD = {key.keyword: key for key in MATCH_KEYS}

STUDY_INSTANCE_UID = _BY_KEYWORD["StudyInstanceUID"]
PATIENT_ID = _BY_KEYWORD["PatientID"]
PATIENT_NAME = _BY_KEYWORD["PatientName"]
STUDY_DATE = _BY_KEYWORD["StudyDate"]
MODALITY = _BY_KEYWORD["Modality"]
ACCESSION_NUMBER = _BY_KEYWORD["AccessionNumber"]
SERIES_INSTANCE_UID = _BY_KEYWORD["SeriesInstanceUID"]
SOP_INSTANCE_UID = _BY_KEYWORD["SOPInstanceUID"]
SOP_CLASS_UID = _BY_KEYWORD["SOPClassUID"]


def match_keys(level: Level, query_tags: Sequence[QueryTag] = ()) -> tuple[MatchKey, ...]:
    """What a search at `level` can match: its own attributes and those above, PS3.18 10.6.1.2.

    Parameters
    ----------
    query_tags
        Further attributes that are indexed.
    """
    always = {key.tag for key in MATCH_KEYS}
    further = tuple(key_of(tag) for tag in query_tags if tag.tag not in always)
    return tuple(key for key in (*MATCH_KEYS, *further) if key.level <= level)


def key_of(query_tag: QueryTag) -> MatchKey:
    """How a query names a further attribute."""
    level = Level[query_tag.level.upper()]
    return MatchKey(query_tag.keyword or query_tag.tag, query_tag.tag, query_tag.vr, level, query_tag.private_creator)


def key_within(tag: str, level: Level) -> MatchKey | None:
    """How a query names an attribute inside a sequence; None for one that is not of the standard.

    Parameters
    ----------
    tag
        Eight hexadecimal digits, in capitals.
    level
        Of the sequence.
    """
    number = int(tag, 16)
    try:
        vr = dictionary_VR(number).partition(" ")[0]  # where the dictionary leaves a choice, all of them are alike
    except KeyError:
        return None
    return MatchKey(keyword_for_tag(number) or tag, tag, vr, level)


def is_private(tag: str) -> bool:
    """Whether the tag is of an odd group, PS3.5 Section 7.8."""
    return int(tag[3], 16) % 2 == 1


def in_first_block(tag: str) -> str:
    """A private tag as it is indexed, wherever its block lies in a query."""
    return f"{tag[:4]}10{tag[6:]}".upper()


def creator_tag(tag: str) -> str:
    """The tag under which the creator reserves the block of a private tag, PS3.5 Section 7.8.1."""
    return f"{tag[:4]}00{tag[4:6]}".upper()
