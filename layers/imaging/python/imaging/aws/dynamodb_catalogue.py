"""The manifest as readers see it: indexes for finding, partitions for reading."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from imaging.aws.dynamodb_instances import VisibleInstances
from imaging.aws.dynamodb_listings import list_studies
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import (
    Row,
    deletions_of,
    instance_of,
    instance_row_key,
    metadata_row_key,
    revision_of_row,
    revision_row_key,
    series_of_row,
    study_of,
    study_of_row,
    study_partition,
    study_row_key,
    to_item,
)
from imaging.dicom.attributes import text
from imaging.model.deletions import Deletions
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.study import Series, Study
from imaging.ports.catalogue import LAST_REVISION, ListedStudy, Location, Place, StudyListing
from imaging.ports.manifest import CommittedRevision

MODALITY = "00080060"
_SIDE_BY_SIDE = 8


class DynamoDbCatalogue:
    """`imaging.ports.catalogue`: Catalogue, StudyContents and StudyHistory on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table
        self._instances = VisibleInstances(table)

    def list_studies(
        self, space: str, listing: StudyListing, *, at_a_time: int, after: Place | None = None
    ) -> Iterator[ListedStudy]:
        """Studies, each once; see the port."""
        return list_studies(self._table, space, listing, at_a_time=at_a_time, after=after)

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
        rows = [study_of_row(found[partition]) for partition in partitions if partition in found]
        if not any(study.deletions for study in rows):
            return rows
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return [study for study in pool.map(self._as_visible, rows) if study]

    def read_study(self, study: StudyKey) -> Study | None:
        """The study's row."""
        row = self._table.get(study_row_key(study))
        return study_of_row(row) if row else None

    def read_series(self, study: StudyKey) -> list[Series]:
        """Rows of the series that have instances, by UID."""
        rows = list(
            self._table.query(
                KeyConditionExpression="pk = :pk AND sk BETWEEN :series AND :study",  # the STUDY row comes last
                ExpressionAttributeValues=to_item(
                    {":pk": study_partition(study), ":series": "SERIES#", ":study": "STUDY"}
                ),
                ConsistentRead=True,
            )
        )
        series = [series for row in rows if row["kind"] == "SERIES" and (series := series_of_row(row)).instances > 0]
        deletions = deletions_of(rows[-1]) if rows else Deletions()
        return self._visible_series(study, series, deletions) if series and deletions else series

    def read_instances(
        self,
        study: StudyKey,
        series_instance_uid: str | None = None,
        *,
        at_a_time: int | None = None,
        after: tuple[str, str] | None = None,
    ) -> Iterator[Instance]:
        """Rows by Series and SOP Instance UID, merged from the partitions as far as the caller goes."""
        return self._instances.read(study, series_instance_uid, at_a_time=at_a_time, after=after)

    def read_instances_at(self, keys: Sequence[InstanceKey]) -> list[Instance]:
        """Rows by key, in no order."""
        studies = {key.study for key in keys}
        rows = self._table.get_many([*map(instance_row_key, keys), *map(study_row_key, studies)])
        deletions = {study_of(row): deletions_of(row) for row in rows if row["kind"] == "STUDY"}
        instances = [instance_of(row) for row in rows if row["kind"] == "INSTANCE"]
        return [
            instance
            for instance in instances
            if not instance.deleted and not deletions.get(instance.key.study, Deletions()).hides(instance)
        ]

    def read_metadata(self, instances: Sequence[Instance]) -> dict[InstanceKey, bytes]:
        """The gzipped DICOM JSON of those whose metadata the manifest keeps."""
        wanted = {metadata_row_key(instance)["sk"]: instance.key for instance in instances}
        return {wanted[row["sk"]]: row["metadata"] for row in self._table.get_many(map(metadata_row_key, instances))}

    def read_revisions(self, study: StudyKey, first: int = 1, last: int = LAST_REVISION) -> list[CommittedRevision]:
        """Rows of the study's revisions, oldest first."""
        begin, end = (revision_row_key(study, min(number, LAST_REVISION)) for number in (first, last))
        rows = self._table.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item({":pk": begin["pk"], ":first": begin["sk"], ":last": end["sk"]}),
            ConsistentRead=True,
        )
        return list(map(revision_of_row, rows))

    def read_revision(self, study: StudyKey, number: int) -> CommittedRevision | None:
        """The row of one revision."""
        row = self._table.get(revision_row_key(study, number))
        return revision_of_row(row) if row else None

    def _as_visible(self, study: Study) -> Study | None:
        """The study without what was deleted of it; None if that is all."""
        if not study.deletions or study.instances == 0:
            return study
        series = self.read_series(study.key)
        if not series:
            return None
        return replace(
            study,
            series=len(series),
            instances=sum(one.instances for one in series),
            modalities=tuple(sorted({text(one.attributes, MODALITY) for one in series} - {""})),
        )

    def _visible_series(self, study: StudyKey, rows: Sequence[Series], deletions: Deletions) -> list[Series]:
        """Those with instances left; the metadata that was consolidated speaks of the others too."""
        counts = self._instances.count(study, deletions)
        return [
            replace(series, instances=counts[uid], metadata_key=None) if deletions.touches(uid) else series
            for series in rows
            if (uid := series.series_instance_uid) in counts or not deletions.touches(uid)
        ]

    def _rows(self, partition: str, prefix: str) -> Iterator[Row]:
        return self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": partition, ":prefix": prefix}),
            ConsistentRead=True,
        )


def _location(row: Row) -> Location:
    _, space, study_instance_uid = row["pk"].split("#")[:3]
    _, series_instance_uid, *sop_instance_uid = row["sk"].split("#")
    return Location(StudyKey(space, study_instance_uid), series_instance_uid, *(sop_instance_uid or [None]))
