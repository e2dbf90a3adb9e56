"""Stage 3's conditional writes: claim, close and commit, each only on what was seen.

The fence is the study's count of changes. Whoever commits must have seen the
latest: a change in between makes the condition fail, and the study waits again.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.rows import (
    Row,
    deletions_row,
    instance_of,
    instance_partitions,
    metadata_row_key,
    packed,
    revision_of_row,
    revision_row,
    revision_row_key,
    series_of_row,
    series_row_key,
    study_of_row,
    study_partition,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.aws.searchable import Listings, listing_actions, listings_held, study_search_keys
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision
from imaging.model.study import Series, Study, StudyState
from imaging.ports.manifest import CommittedRevision

_SERIES_PER_TRANSACTION = 50  # of 100 actions and 4 MB
_OF_AN_OPENING = (
    *("claim", "claimed_at", "pending", "pending_since", "deletions"),
    *("last_stored_at", "released_at", "expected_instances"),
)
_UNREVISED = "#revision = :revision AND #state IN (:open_, :finalizing)"
_UNMOVED = f"#changes = :changes AND {_UNREVISED}"


class DynamoDbStudyFence:
    """`imaging.ports.manifest.StudyFence` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def read_study(self, study: StudyKey) -> Study | None:
        """The study's row."""
        row = self._table.get(study_row_key(study))
        return study_of_row(row) if row else None

    def read_series(self, study: StudyKey) -> list[Series]:
        """Rows of the study's series, the emptied ones included."""
        return [series_of_row(row) for row in self._rows(study_partition(study), "SERIES#")]

    def read_instances(self, study: StudyKey) -> list[Instance]:
        """Rows of all the study's instances, tombstones included, partitions side by side."""
        partitions = instance_partitions(study)
        with ThreadPoolExecutor(len(partitions)) as pool:
            pages = pool.map(lambda partition: list(self._rows(partition, "INSTANCE#")), partitions)
            return [instance_of(row) for rows in pages for row in rows]

    def read_revision(self, study: StudyKey, number: int) -> CommittedRevision | None:
        """The row of a revision."""
        row = self._table.get(revision_row_key(study, number))
        return revision_of_row(row) if row else None

    def read_metadata(self, instances: Sequence[Instance]) -> dict[InstanceKey, bytes]:
        """The gzipped DICOM JSON of those whose metadata the manifest keeps."""
        wanted = {metadata_row_key(instance)["sk"]: instance.key for instance in instances}
        rows = self._table.get_many(metadata_row_key(instance) for instance in instances)
        return {wanted[row["sk"]]: row["metadata"] for row in rows}

    def note_release(self, study: StudyKey, released_at: datetime) -> bool:
        """Note it, unless a later one is noted; False if the study has no row yet."""
        noted = self._update(
            study,
            UpdateExpression="SET released_at = :at",
            ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(released_at) OR released_at < :at)",
            ExpressionAttributeValues=to_item({":at": timestamp(released_at)}),
        )
        return noted or self.read_study(study) is not None

    def claim(self, study: Study, claim: str, at: datetime, *, however_changed: bool = False) -> bool:
        """Take the study for the next revision; an older claim is simply taken over."""
        seen, names = _as_seen(study), _names("claim", "state", "changes", "revision")
        if however_changed:
            del seen[":changes"], names["#changes"]
        return self._update(
            study.key,
            UpdateExpression="SET #claim = :claim, claimed_at = :at, #state = :finalizing",
            ConditionExpression=_UNREVISED if however_changed else _UNMOVED,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item({**seen, ":claim": claim, ":at": timestamp(at)}),
        )

    def let_go(self, study: Study, claim: str, *, forget_hints: bool = False) -> None:
        """Remove the claim if it still is ours, and the hints if they still are those that were read."""
        self._update(
            study.key,
            UpdateExpression="REMOVE #claim, claimed_at",
            ConditionExpression="#claim = :claim",
            ExpressionAttributeNames=_names("claim"),
            ExpressionAttributeValues=to_item({":claim": claim}),
        )
        if forget_hints and study.released_at:
            self._forget(study.key, "released_at", timestamp(study.released_at))
        if forget_hints and study.expected_instances:
            self._forget(study.key, "expected_instances", study.expected_instances)

    def close(self, study: Study, claim: str, unchanged: Revision) -> bool:
        """Make the study final without a new revision, its counts those of `unchanged`; False if it moved on."""
        return self._transact(_finish(study, claim, unchanged, study.revision))

    def commit(self, study: Study, claim: str, revision: Revision) -> bool:
        """Make the study final at `revision`; False if it moved on."""
        return self._transact([*_finish(study, claim, revision, revision.number), _put_revision(revision, claim)])

    def keep_open(self, study: Study, claim: str, revision: Revision, at: datetime) -> bool:
        """Leave the study open, its counts and listings as they are; False if another one has claimed it since."""
        number = revision.number if revision.is_change else study.revision
        sets: Row = {"state": StudyState.OPEN.value, "revision": number}
        sets |= {"opened_at": timestamp(at), "pending_since": timestamp(at)}
        values = {":claim": claim, ":revision": study.revision, **{f":new_{name}": sets[name] for name in sets}}
        wait_anew: dict[str, Row] = {
            "Update": {
                "Key": to_item(study_row_key(study.key)),
                "UpdateExpression": f"SET {', '.join(f'#{name} = :new_{name}' for name in sets)} "
                "REMOVE #claim, #claimed_at",
                "ConditionExpression": "#claim = :claim AND #revision = :revision",
                "ExpressionAttributeNames": _names(*sets, "claim", "claimed_at"),
                "ExpressionAttributeValues": to_item(values),
            }
        }
        return self._transact([wait_anew, *([_put_revision(revision, claim)] if revision.is_change else [])])

    def note_series(self, study: Study, claim: str, series: Sequence[Series]) -> None:
        """Set counts, attributes and metadata key of series, unless they or the study moved on."""
        for start in range(0, len(series), _SERIES_PER_TRANSACTION):
            notes = [_note_on_series(one) for one in series[start : start + _SERIES_PER_TRANSACTION]]
            try:
                self._table.transact([_is_claimed(study, claim), *notes])
            except ConditionsFailed:
                return  # and so will the commit's

    def _update(self, study: StudyKey, **update: Any) -> bool:  # noqa: ANN401 - Update's own arguments
        return self._transact([{"Update": {"Key": to_item(study_row_key(study)), **update}}])

    def _transact(self, actions: Sequence[dict[str, Row]]) -> bool:
        """False if a condition does not hold; as a transaction it is tried again where indexing writes the same row."""
        try:
            self._table.transact(actions)
        except ConditionsFailed:
            return False
        return True

    def _forget(self, study: StudyKey, name: str, seen: str | int) -> None:
        self._update(
            study,
            UpdateExpression=f"REMOVE {name}",
            ConditionExpression=f"{name} = :seen",
            ExpressionAttributeValues=to_item({":seen": seen}),
        )

    def _rows(self, partition: str, prefix: str) -> Iterator[Row]:
        return self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": partition, ":prefix": prefix}),
            ConsistentRead=True,
        )


def _names(*attributes: str) -> dict[str, str]:
    return {f"#{name}": name for name in attributes}


def _as_seen(study: Study) -> Row:
    return {
        ":changes": study.changes,
        ":revision": study.revision,
        ":open_": StudyState.OPEN.value,
        ":finalizing": StudyState.FINALIZING.value,
    }


def _is_claimed(study: Study, claim: str) -> dict[str, Row]:
    return {
        "ConditionCheck": {
            "Key": to_item(study_row_key(study.key)),
            "ConditionExpression": "#claim = :claim AND #state = :finalizing",
            "ExpressionAttributeNames": _names("claim", "state"),
            "ExpressionAttributeValues": to_item({":claim": claim, ":finalizing": StudyState.FINALIZING.value}),
        }
    }


def _note_on_series(series: Series) -> dict[str, Row]:
    sets: Row = {"instances": series.instances}
    if series.instances:
        sets |= {
            "uid": series.series_instance_uid,
            "metadata_key": series.metadata_key,
            "metadata_changes": series.changes,
            "attributes": packed(series.attributes),
        }
    return {
        "Update": {
            "Key": to_item(series_row_key(series.study, series.series_instance_uid)),
            "UpdateExpression": "SET "
            + ", ".join(f"#{name} = :{name}" for name in sets)
            + ("" if series.instances else " REMOVE #uid"),
            "ConditionExpression": "#changes = :changes",
            "ExpressionAttributeNames": _names(*sets, "uid", "changes"),
            "ExpressionAttributeValues": to_item(
                {":changes": series.changes, **{f":{name}": value for name, value in sets.items()}}
            ),
        }
    }


def _finish(study: Study, claim: str, revision: Revision, number: int) -> list[dict[str, Row]]:
    """The STUDY row's half of the commit; what a search shows is recomputed from the whole study."""
    listings = Listings.of_study(revision.attributes, revision.modalities).recorded if revision.series else ""
    finish = _finish_study(study, claim, revision, number, listings)
    return [finish, *listing_actions(study.key, study.listings, listings)]


def _finish_study(study: Study, claim: str, revision: Revision, number: int, listings: str) -> dict[str, Row]:
    sets: Row = {
        "state": StudyState.FINAL.value,
        "revision": number,
        "series": len(revision.series),
        "instances": revision.instances,
        "attributes": packed(revision.attributes),
        "modalities": set(revision.modalities) or None,
        "listings": listings,
        **(study_search_keys(revision.attributes) if revision.series else {}),
    }
    sets = {name: value for name, value in sets.items() if value not in (None, "")}
    cleared = {"modalities", "listings", *study_search_keys({})} - sets.keys()
    removes = (*_OF_AN_OPENING, *sorted(cleared))
    deletions = {":deletions": deletions_row(study.deletions)} if study.deletions else {}
    unmarked = "#deletions = :deletions" if deletions else "attribute_not_exists(#deletions)"
    listed, as_listed = listings_held(study.listings)
    return {
        "Update": {
            "Key": to_item(study_row_key(study.key)),
            "UpdateExpression": "SET "
            + ", ".join(f"#{name} = :new_{name}" for name in sets)
            + " REMOVE "
            + ", ".join(f"#{name}" for name in removes),
            "ConditionExpression": f"{_UNMOVED} AND #claim = :claim AND {unmarked} AND {listed}",
            "ExpressionAttributeNames": _names(*sets, *removes, "changes"),
            "ExpressionAttributeValues": to_item(
                {
                    **_as_seen(study),
                    **deletions,
                    **as_listed,
                    ":claim": claim,
                    **{f":new_{name}": value for name, value in sets.items()},
                }
            ),
        }
    }


def _put_revision(revision: Revision, claim: str) -> dict[str, Row]:
    return {"Put": {"Item": to_item(revision_row(revision, claim)), "ConditionExpression": "attribute_not_exists(pk)"}}
