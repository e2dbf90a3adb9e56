"""The attributes that are indexed, by level: what PS3.18 Section 10.6 searches and what an ImagingStudy is made of."""

import json
from collections.abc import Container, Mapping, Sequence
from typing import Any, TypeAlias

from imaging.dicom.query_tag import attribute_of
from imaging.settings import QueryTag

Attributes: TypeAlias = Mapping[str, Mapping[str, Any]]
"""DICOM JSON, PS3.18 Annex F: 8-hex tag to ``{"vr", "Value"}``."""

# What does not vary within a study; PS3.18 Table 10.6.3-3, without what is counted or linked.
PATIENT_STUDY_ATTRIBUTES = (
    "00080020",  # Study Date
    "00080030",  # Study Time
    "00080050",  # Accession Number
    "00080051",  # Issuer of Accession Number Sequence
    "00080090",  # Referring Physician's Name
    "00080096",  # Referring Physician Identification Sequence
    "00080201",  # Timezone Offset From UTC
    "00081030",  # Study Description
    "00081032",  # Procedure Code Sequence
    "00081048",  # Physician(s) of Record
    "00081060",  # Name of Physician(s) Reading Study
    "00081062",  # Physician(s) Reading Study Identification Sequence
    "00100010",  # Patient's Name
    "00100020",  # Patient ID
    "00100021",  # Issuer of Patient ID
    "00100022",  # Type of Patient ID
    "00100024",  # Issuer of Patient ID Qualifiers Sequence
    "00100030",  # Patient's Birth Date
    "00100040",  # Patient's Sex
    "00101002",  # Other Patient IDs Sequence
    "00101010",  # Patient's Age
    "0020000D",  # Study Instance UID
    "00200010",  # Study ID
    "00321033",  # Requesting Service
    "00321060",  # Requested Procedure Description
    "00321064",  # Requested Procedure Code Sequence
    "00401012",  # Reason For Performed Procedure Code Sequence
)

# What does not vary within a series; PS3.18 Table 10.6.3-4.
SERIES_ATTRIBUTES = (
    "00080021",  # Series Date
    "00080031",  # Series Time
    "00080060",  # Modality
    "00080070",  # Manufacturer
    "00080080",  # Institution Name
    "00080110",  # Coding Scheme Identification Sequence: of SOP Common, and so in every instance alike
    "00081010",  # Station Name
    "0008103E",  # Series Description
    "0008103F",  # Series Description Code Sequence
    "00081040",  # Institutional Department Name
    "00081050",  # Performing Physician's Name
    "00081052",  # Performing Physician Identification Sequence
    "00081070",  # Operators' Name
    "00081072",  # Operator Identification Sequence
    "00081090",  # Manufacturer's Model Name
    "00180015",  # Body Part Examined
    "00181030",  # Protocol Name
    "0020000E",  # Series Instance UID
    "00200011",  # Series Number
    "00200052",  # Frame of Reference UID
    "00200060",  # Laterality
    "00400244",  # Performed Procedure Step Start Date
    "00400245",  # Performed Procedure Step Start Time
    "00400250",  # Performed Procedure Step End Date
    "00400251",  # Performed Procedure Step End Time
    "00400275",  # Request Attributes Sequence
)

# What each instance has of its own; PS3.18 Table 10.6.3-5.
INSTANCE_ATTRIBUTES = (
    "00080008",  # Image Type
    "00080016",  # SOP Class UID
    "00080018",  # SOP Instance UID
    "00080022",  # Acquisition Date
    "0008002A",  # Acquisition DateTime
    "00080023",  # Content Date
    "00080032",  # Acquisition Time
    "00080033",  # Content Time
    "00082218",  # Anatomic Region Sequence
    "00200012",  # Acquisition Number
    "00200013",  # Instance Number
    "00200062",  # Image Laterality
    "00280008",  # Number of Frames
    "00280010",  # Rows
    "00280011",  # Columns
    "00280100",  # Bits Allocated
    "0040A043",  # Concept Name Code Sequence: what kind of document it is
    "0040A491",  # Completion Flag
    "0040A493",  # Verification Flag
    "0040A496",  # Preliminary Flag
    "0040E001",  # HL7 Instance Identifier
    "00420010",  # Document Title
    "00420012",  # MIME Type of Encapsulated Document
    "00700080",  # Content Label
    "00700081",  # Content Description
)

# Stated with every level of a match: PS3.18 Tables 10.6.3-3 to -5. Devices of one study may stand in different zones.
_OF_EVERY_LEVEL = frozenset({"00080201"})

# A code sequence has some 180 characters an item. Of values as long as this a row takes three, however long it may be:
# what bounds it, far below the 400 KB of DynamoDB, is the sum.
MAX_VALUE_CHARACTERS = 10_000
MAX_INDEXED_CHARACTERS = 32_000

_ALL = (*PATIENT_STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES, *INSTANCE_ATTRIBUTES)
_SHARE = MAX_INDEXED_CHARACTERS // len(_ALL)

_STUDY = frozenset(PATIENT_STUDY_ATTRIBUTES)
_SERIES = frozenset(SERIES_ATTRIBUTES)
_INSTANCE = frozenset(INSTANCE_ATTRIBUTES)


def indexed(metadata: Attributes, query_tags: Sequence[QueryTag] = ()) -> Attributes:
    """The attributes of all levels that the index keeps, those of `query_tags` under their `tag`.

    A row has its limits: a value longer than `MAX_VALUE_CHARACTERS` as JSON is
    left out, and so is what comes after `MAX_INDEXED_CHARACTERS` in all. What
    takes no more than its share of that is always kept, however long others
    are; the longer ones of the study come before those of series and instance.
    The instance's metadata has them all the same.
    """
    found = {tag: metadata[tag] for tag in _ALL if tag in metadata}
    characters = {tag: len(json.dumps(attribute)) for tag, attribute in found.items()}
    kept, left = set(), MAX_INDEXED_CHARACTERS
    for tag in sorted(found, key=lambda tag: characters[tag] > _SHARE):
        if characters[tag] <= min(left, MAX_VALUE_CHARACTERS):
            kept.add(tag)
            left -= characters[tag]
    attributes = {tag: attribute for tag, attribute in found.items() if tag in kept}
    for query_tag in query_tags:
        further = attribute_of(metadata, query_tag)
        if further and query_tag.tag not in attributes:
            length = len(json.dumps(further))
            if length <= min(left, MAX_VALUE_CHARACTERS):
                attributes[query_tag.tag] = further
                left -= length
    return attributes


def unreadable(present: Container[int], kept: Attributes) -> tuple[str, ...]:
    """Attributes that a data set has and the index cannot give: broken, or too long for a row.

    Parameters
    ----------
    present
        The tags of the data set's elements.
    kept
        What `indexed` makes of it.
    """
    return tuple(tag for tag in _ALL if int(tag, 16) in present and _is_not_given(tag, kept))


def too_long(metadata: Attributes, kept: Attributes) -> tuple[str, ...]:
    """Those among the `unreadable` attributes that are valid, and only too long for a row.

    Parameters
    ----------
    kept
        What `indexed` makes of the metadata.
    """
    return tuple(tag for tag in _ALL if tag in metadata and _is_not_given(tag, kept))


def study_tags(query_tags: Sequence[QueryTag] = ()) -> frozenset[str]:
    """The tags of patient and study."""
    return _STUDY | _further("study", query_tags)


def series_tags(query_tags: Sequence[QueryTag] = ()) -> frozenset[str]:
    """The tags of the series, and in which zone its times are."""
    return _SERIES | _OF_EVERY_LEVEL | _further("series", query_tags)


def study_level(attributes: Attributes, query_tags: Sequence[QueryTag] = ()) -> Attributes:
    """Those of the patient and the study."""
    return _only(study_tags(query_tags), attributes)


def series_level(attributes: Attributes, query_tags: Sequence[QueryTag] = ()) -> Attributes:
    """Those of the series, and in which zone its times are."""
    return _only(series_tags(query_tags), attributes)


def instance_level(attributes: Attributes, query_tags: Sequence[QueryTag] = ()) -> Attributes:
    """Those of the instance, and in which zone its times are."""
    return _only(_INSTANCE | _OF_EVERY_LEVEL | _further("instance", query_tags), attributes)


def text(attributes: Attributes, tag: str) -> str:
    """The first value as text, of a name its alphabetic representation; empty if there is none.

    A sequence has no text.
    """
    values = attributes.get(tag, {}).get("Value") or [None]
    value = values[0].get("Alphabetic") if isinstance(values[0], Mapping) else values[0]
    return "" if value is None else str(value)


def _further(level: str, query_tags: Sequence[QueryTag]) -> frozenset[str]:
    """What is indexed anyway keeps its level."""
    return frozenset(tag.tag for tag in query_tags if tag.level == level) - _STUDY - _SERIES - _INSTANCE


def _is_not_given(tag: str, kept: Attributes) -> bool:
    return tag not in kept or "BulkDataURI" in kept[tag]


def _only(tags: frozenset[str], attributes: Attributes) -> Attributes:
    return {tag: attribute for tag, attribute in attributes.items() if tag in tags}
