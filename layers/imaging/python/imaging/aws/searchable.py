"""What the search indexes are keyed by: attributes of the STUDY row, and the LISTED rows beside it.

A STUDY row has one date, one patient and one accession number. Of its
modalities and names it has several, and an index lists a row only once: so
each has a LISTED row, written in one transaction with the STUDY row, and that
only when it differs. The STUDY row says in `listings` which there are; whoever
writes them holds it to what was read.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imaging.aws.rows import Row, study_names, study_partition, to_item
from imaging.dicom.attributes import text
from imaging.dicom.comparable_text import comparable
from imaging.model.identifiers import StudyKey
from imaging.model.instance import DicomJson

STUDY_DATE = "00080020"
ACCESSION_NUMBER = "00080050"
PATIENT_ID = "00100020"
PATIENT_NAME = "00100010"
UNDATED = "0"
OLDEST = "99999999"
MOST_MODALITIES = 40  # with the names, in their old and their new rows: less than a transaction's 100 actions
MOST_NAMES = 8  # one name has three component groups
_MAX_KEY_CHARACTERS = 255  # an index key holds 1,024 bytes; four a character in UTF-8
_MAX_NAME_BYTES = 800  # the same, less what stands beside a name in its key
_DATE_DIGITS = 8


@dataclass(frozen=True)
class Listings:
    """The LISTED rows of a study.

    Attributes
    ----------
    names
        Sorted, as `name_key` makes them.
    """

    date: str
    modalities: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of_study(cls, attributes: DicomJson, modalities: Iterable[str]) -> "Listings":
        """Those that a study with instances shall have."""
        return cls(
            date=listed_date(attributes),
            modalities=tuple(
                sorted({modality.strip()[:_MAX_KEY_CHARACTERS] for modality in modalities} - {""})[:MOST_MODALITIES]
            ),
            names=tuple(sorted(set(_names(attributes)))[:MOST_NAMES]),
        )

    @classmethod
    def read(cls, recorded: str) -> "Listings | None":
        """What a STUDY row says in `listings`; None if it has none."""
        if not recorded:
            return None
        date, modalities, names = json.loads(recorded)
        return cls(date, tuple(modalities), tuple(names))

    @property
    def recorded(self) -> str:
        """The same for the STUDY row."""
        return json.dumps([self.date, self.modalities, self.names], separators=(",", ":"), ensure_ascii=False)

    def rows(self, study: StudyKey) -> Iterator[Row]:
        """The rows themselves; their date has a name of its own, so that no other index takes them in."""
        common: Row = {"pk": study_partition(study), **study_names(study), "kind": "LISTED"}
        for modality in self.modalities:
            yield {
                **common,
                "sk": f"LISTED#MODALITY#{modality}",
                "modality": modality,
                "modality_date": self.date,
            }
        for before, name in zip(("", *self.names), self.names, strict=False):
            yield {
                **common,
                "sk": f"LISTED#NAME#{name}",
                "name_initial": name[0],
                "name_key": name,
                "name_age": age(self.date),
                # A prefix no longer than this has listed the study before, by another of its names.
                "repeated_characters": _common_characters(before, name) or None,
            }


def study_search_keys(attributes: DicomJson) -> dict[str, str]:
    """Index keys of a study; "" where it has none and stays out of that index.

    A study without a date is listed all the same, as the oldest.
    """
    return {
        "listed_date": listed_date(attributes),
        "patient_id": text(attributes, PATIENT_ID).strip()[:_MAX_KEY_CHARACTERS],
        "accession_number": text(attributes, ACCESSION_NUMBER).strip()[:_MAX_KEY_CHARACTERS],
    }


def listing_actions(study: StudyKey, before: str, after: str) -> list[dict[str, Any]]:
    """What a transaction does to LISTED rows; nothing where they stay as they are.

    Parameters
    ----------
    before, after
        What the STUDY row says in `listings`; "" for none.
    """
    if before == after:
        return []
    old, new = _by_sort_key(study, before), _by_sort_key(study, after)
    partition = study_partition(study)
    return [
        *({"Delete": {"Key": to_item({"pk": partition, "sk": sort_key})}} for sort_key in old if sort_key not in new),
        *({"Put": {"Item": to_item(row)}} for sort_key, row in new.items() if old.get(sort_key) != row),
    ]


def listings_held(before: str) -> tuple[str, Row]:
    """The condition that the STUDY row's `listings` are as they were read."""
    if before:
        return "listings = :seen_listings", {":seen_listings": before}
    return "attribute_not_exists(listings)", {}


def listed_date(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """The StudyDate under which a study is listed."""
    return text(attributes, STUDY_DATE).strip()[:_MAX_KEY_CHARACTERS] or UNDATED


def name_key(comparable_name: str) -> str:
    """A name, or the beginning of one, as far as an index holds it."""
    return comparable_name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")


def age(date: str) -> str:
    """What rises as a date falls: studies under one name are listed by it, the newest first."""
    is_date = len(date) == _DATE_DIGITS and date.isdecimal() and date.isascii()
    return f"{int(OLDEST) - int(date):08d}" if is_date else OLDEST


def _by_sort_key(study: StudyKey, recorded: str) -> dict[str, Row]:
    listings = Listings.read(recorded)
    return {row["sk"]: row for row in listings.rows(study)} if listings else {}


def _names(attributes: DicomJson) -> Iterator[str]:
    for value in attributes.get(PATIENT_NAME, {}).get("Value", ()):
        groups = value.values() if isinstance(value, Mapping) else [value]
        for group in groups:
            if isinstance(group, str) and (name := name_key(comparable(group.strip()))):
                yield name


def _common_characters(one: str, other: str) -> int:
    different = (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    return next(different, min(len(one), len(other)))
