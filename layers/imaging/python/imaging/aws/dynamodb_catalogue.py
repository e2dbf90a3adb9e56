"""The manifest as readers see it: indexes for finding, partitions for reading."""

import heapq
from collections.abc import Iterator, Sequence
from typing import Any

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import (
    PARTITIONS_PER_STUDY,
    Row,
    instance_of,
    instance_partitions,
    instance_row_key,
    metadata_row_key,
    revision_of_row,
    revision_row_key,
    series_of_row,
    study_of_row,
    study_partition,
    study_row_key,
    to_item,
)
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.study import Series, Study
from imaging.ports.catalogue import Location, StudyListing
from imaging.ports.manifest import CommittedRevision


class DynamoDbCatalogue:
    """`imaging.ports.catalogue`: Catalogue, StudyContents and StudyHistory on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def list_studies(self, space: str, listing: StudyListing, *, at_a_time: int) -> Iterator[StudyKey]:
        """Studies by StudyDate, newest first, those of one date by falling UID."""
        rows = self._table.query(**_listing_query(space, listing), ScanIndexForward=False, Limit=at_a_time)
        return (StudyKey(row["space"], row["study_instance_uid"]) for row in rows)

    def locate(self, space: str, uid: str) -> list[Location]:
        """Every place of a Series or SOP Instance UID."""
        rows = self._table.query(
            IndexName="by_uid",
            KeyConditionExpression="#space = :space AND #uid = :uid",
            ExpressionAttributeNames={"#space": "space", "#uid": "uid"},
            ExpressionAttributeValues=to_item({":space": space, ":uid": uid}),
        )
        return [_location(row) for row in rows]

    def read_studies(self, studies: Sequence[StudyKey]) -> list[Study]:
        """Rows in the order asked for."""
        found = {row["pk"]: row for row in self._table.get_many(map(study_row_key, studies))}
        partitions = map(study_partition, studies)
        return [study_of_row(found[partition]) for partition in partitions if partition in found]

    def read_study(self, study: StudyKey) -> Study | None:
        """The study's row."""
        row = self._table.get(study_row_key(study))
        return study_of_row(row) if row else None

    def read_series(self, study: StudyKey) -> list[Series]:
        """Rows of the series that have instances, by UID."""
        rows = map(series_of_row, self._rows(study_partition(study), "SERIES#"))
        return [series for series in rows if series.instances > 0]

    def read_instances(
        self, study: StudyKey, series_instance_uid: str | None = None, *, at_a_time: int | None = None
    ) -> Iterator[Instance]:
        """Rows by Series and SOP Instance UID, merged from the partitions as far as the caller goes."""
        prefix = f"INSTANCE#{series_instance_uid}#" if series_instance_uid else "INSTANCE#"
        paging = {"Limit": at_a_time // PARTITIONS_PER_STUDY + 1} if at_a_time else {}
        partitions = [self._rows(partition, prefix, **paging) for partition in instance_partitions(study)]
        for row in heapq.merge(*partitions, key=lambda row: str(row["sk"])):
            instance = instance_of(row)
            if not instance.deleted:
                yield instance

    def read_instances_at(self, keys: Sequence[InstanceKey]) -> list[Instance]:
        """Rows by key, in no order."""
        rows = map(instance_of, self._table.get_many(map(instance_row_key, keys)))
        return [instance for instance in rows if not instance.deleted]

    def read_metadata(self, instances: Sequence[Instance]) -> dict[InstanceKey, bytes]:
        """The gzipped DICOM JSON of those whose metadata the manifest keeps."""
        wanted = {metadata_row_key(instance)["sk"]: instance.key for instance in instances}
        return {wanted[row["sk"]]: row["metadata"] for row in self._table.get_many(map(metadata_row_key, instances))}

    def read_revisions(self, study: StudyKey) -> list[CommittedRevision]:
        """Rows of all the study's revisions, oldest first."""
        return list(map(revision_of_row, self._rows(study_partition(study), "REVISION#")))

    def read_revision(self, study: StudyKey, number: int) -> CommittedRevision | None:
        """The row of one revision."""
        row = self._table.get(revision_row_key(study, number))
        return revision_of_row(row) if row else None

    def _rows(self, partition: str, prefix: str, **paging: int) -> Iterator[Row]:
        return self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": partition, ":prefix": prefix}),
            ConsistentRead=True,
            **paging,
        )


def _listing_query(space: str, listing: StudyListing) -> dict[str, Any]:
    """The one index that narrows most; what it leaves open the caller filters."""
    condition, names, values = "#space = :space", {"#space": "space"}, {":space": space}
    index = "by_date"
    if listing.accession_number:
        index, condition = "by_accession", f"{condition} AND accession_number = :accession_number"
        values[":accession_number"] = listing.accession_number
    elif listing.patient_id:
        index, condition = "by_patient", f"{condition} AND patient_id = :patient_id"
        values[":patient_id"] = listing.patient_id
    if listing.first_date or listing.last_date:
        # Leaves out the studies without a date: they are listed as "0", before all dates.
        condition += " AND listed_date BETWEEN :first AND :last"
        values |= {":first": listing.first_date or "00000000", ":last": listing.last_date or "99999999"}
    return {
        "IndexName": index,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(values),
    }


def _location(row: Row) -> Location:
    _, space, study_instance_uid = row["pk"].split("#")[:3]
    _, series_instance_uid, *sop_instance_uid = row["sk"].split("#")
    return Location(StudyKey(space, study_instance_uid), series_instance_uid, *(sop_instance_uid or [None]))
