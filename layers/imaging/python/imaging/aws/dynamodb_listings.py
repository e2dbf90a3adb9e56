"""The indexes that list studies, each read from any place in its order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import Row, study_of, study_row_key, to_item
from imaging.aws.searchable import age, name_key
from imaging.model.identifiers import StudyKey
from imaging.ports.catalogue import ListedStudy, Place, StudyListing

_FIRST_DATE, _LAST_DATE = "00000001", "99999999"  # of those that have one


@dataclass(frozen=True)
class _Index:
    """One index, as a listing reads it.

    Attributes
    ----------
    sort_key
        Of the rows it holds: of the STUDY row or of a LISTED row, whose key has the name behind it.
    """

    name: str
    partition: Row
    order: tuple[str, ...]
    sort_key: str
    is_rising: bool = False


def list_studies(
    table: ManifestTable, space: str, listing: StudyListing, *, at_a_time: int, after: Place | None
) -> Iterator[ListedStudy]:
    """Studies by the one index that the listing names; see `imaging.ports.catalogue.Catalogue`."""
    index = _index(space, listing)
    condition, values = _condition(listing)
    names = {f"#{name}": name for name in index.partition}
    query: dict[str, Any] = {
        "IndexName": index.name,
        "KeyConditionExpression": " AND ".join([*(f"#{name} = :{name}" for name in index.partition), *condition]),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item({f":{name}": value for name, value in index.partition.items()} | values),
        "ScanIndexForward": index.is_rising,
        "Limit": at_a_time,
    }
    if after:
        query["ExclusiveStartKey"] = _start_key(space, index, after)
    for row in table.query(**query):
        if row.get("repeated_characters", 0) < max(1, len(listing.name)):
            yield ListedStudy(study_of(row), tuple(row[name] for name in index.order))


def _index(space: str, listing: StudyListing) -> _Index:
    partition: Row = {"space": space}
    by_date = ("listed_date", "study_instance_uid")
    if listing.accession_number:
        return _Index("by_accession", partition | {"accession_number": listing.accession_number}, by_date, "STUDY")
    if listing.patient_id:
        return _Index("by_patient", partition | {"patient_id": listing.patient_id}, by_date, "STUDY")
    if listing.name:
        by_name = ("name_key", "name_age", "study_instance_uid")
        partition["name_initial"] = listing.name[0]
        return _Index("by_name", partition, by_name, "LISTED#NAME#", is_rising=True)
    if listing.modality:
        partition["modality"] = listing.modality
        sort_key = f"LISTED#MODALITY#{listing.modality}"
        return _Index("by_modality", partition, ("modality_date", "study_instance_uid"), sort_key)
    return _Index("by_date", partition, by_date, "STUDY")


def _condition(listing: StudyListing) -> tuple[list[str], Row]:
    """What narrows the order of an index: all that its keys can, one range at the end."""
    dates: Row = {}
    if listing.first_date or listing.last_date:  # leaves out the undated, which are listed before all dates
        dates = {":first": listing.first_date or _FIRST_DATE, ":last": listing.last_date or _LAST_DATE}
    if listing.name and not listing.is_whole_name:
        return ["begins_with(name_key, :name)"], {":name": name_key(listing.name)}
    if listing.name:
        ages = {":first": age(dates[":last"]), ":last": age(dates[":first"])} if dates else {}
        conditions = ["name_key = :name", *(["name_age BETWEEN :first AND :last"] if ages else [])]
        return conditions, {":name": name_key(listing.name), **ages}
    column = "modality_date" if listing.modality else "listed_date"
    return [f"{column} BETWEEN :first AND :last"] if dates else [], dates


def _start_key(space: str, index: _Index, after: Place) -> dict[str, Any]:
    """The key of the row at that place, which need not be there any more."""
    row_key = study_row_key(StudyKey(space, after[-1]))
    sort_key = index.sort_key + after[0] if index.is_rising else index.sort_key
    return to_item({**row_key, "sk": sort_key, **index.partition, **dict(zip(index.order, after, strict=True))})
