"""Stage 2's conditional writes: instances, and their count on series and study, in one transaction."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.rows import (
    Row,
    instance_of,
    instance_row,
    instance_row_key,
    metadata_row,
    packed,
    pending_mark,
    series_of_row,
    series_row_key,
    study_names,
    study_of_row,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.aws.searchable import Listings, listing_actions, listings_held, study_search_keys
from imaging.aws.untold import SET_UNTOLD, entries_of, untold_names, untold_values
from imaging.dicom.attributes import series_level, study_level, text
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import DicomJson, Instance
from imaging.model.study import Series, Study, StudyState
from imaging.ports.manifest import Change, PendingKind
from imaging.settings import QueryTag

MODALITY = "00080060"
_ACTIONS_PER_TRANSACTION = 100
_INSTANCES_PER_TRANSACTION = 40  # of 100 actions and 4 MB: room for their series and the study
_ATTEMPTS = 10


@dataclass(frozen=True)
class _Tally:
    """What a transaction adds to a study or a series."""

    changes: int
    instances: int
    newest: Instance


class DynamoDbInstanceIndex:
    """`imaging.ports.manifest.InstanceIndex` on the manifest table."""

    def __init__(self, table: ManifestTable, query_tags: Sequence[QueryTag] = ()) -> None:
        self._table = table
        self._query_tags = query_tags

    def read_instance(self, key: InstanceKey) -> Instance | None:
        """The instance's row, tombstones included."""
        row = self._table.get(instance_row_key(key))
        return instance_of(row) if row else None

    def record_changes(self, changes: Sequence[Change], at: datetime) -> list[Change]:
        """Write changes of one study and count them on it; see the port."""
        self._table.put_many(metadata_row(change) for change in changes if change.metadata)
        overtaken: list[Change] = []
        for start in range(0, len(changes), _INSTANCES_PER_TRANSACTION):
            overtaken += self._record(list(changes[start : start + _INSTANCES_PER_TRANSACTION]), at)
        return overtaken

    def _record(self, changes: list[Change], at: datetime) -> list[Change]:
        overtaken: list[Change] = []
        for _ in range(_ATTEMPTS):
            if not changes:
                return overtaken
            actions = self._actions(changes, at)
            if len(actions) > _ACTIONS_PER_TRANSACTION:  # a study that is listed many times moves in its lists
                half = len(changes) // 2
                return overtaken + self._record(changes[:half], at) + self._record(changes[half:], at)
            try:
                self._table.transact(actions)
            except ConditionsFailed as cancelled:
                # A failed instance has moved on and is the caller's to read again. If only a
                # count has moved on, the counts are read again and the same changes repeated.
                moved = [changes[place] for place in cancelled.failed if place < len(changes)]
                overtaken += moved
                changes = [change for change in changes if change not in moved]
            else:
                return overtaken
        raise Unavailable("A study changed too quickly to count its changes; they are tried again.")

    def _actions(self, changes: list[Change], at: datetime) -> list[dict[str, Any]]:
        told = [change for change in changes if change.is_told]
        if not told:
            return [_write_instance(change, entries_of(change), at) for change in changes]
        study_key = told[0].after.key.study
        by_series: defaultdict[str, list[Change]] = defaultdict(list)
        for change in told:
            by_series[change.after.key.series_instance_uid].append(change)
        rows = {
            row["sk"]: row
            for row in self._table.get_many(
                [study_row_key(study_key), *(series_row_key(study_key, uid) for uid in by_series)]
            )
        }
        series_of, actions = Counter[InstanceKey](), []
        for series_instance_uid, of_series in by_series.items():
            row_key = series_row_key(study_key, series_instance_uid)
            before = series_of_row(rows[row_key["sk"]]) if row_key["sk"] in rows else None
            tally = _tally(of_series)
            # One change of the series tells the feed that the series came or went.
            series_of[of_series[0].after.key] = _appearing(before.instances if before else 0, tally.instances)
            attributes = series_level(tally.newest.attributes, self._query_tags)
            actions.append(_count_on_series(study_key, series_instance_uid, row_key, before, tally, attributes))
        study = study_of_row(rows["STUDY"]) if "STUDY" in rows else None
        tally, modalities = _tally(told), _modalities(told)
        attributes = study_level(tally.newest.attributes, self._query_tags)
        listings = _listings(study, tally, modalities)
        appearing = sum(series_of.values())
        actions.append(_count_on_study(study_key, study, tally, attributes, appearing, modalities, listings, at))
        studies_of = {told[0].after.key: _appearing(study.instances if study else 0, tally.instances)}
        instances = [
            _write_instance(change, entries_of(change, studies=studies_of.get(key, 0), series=series_of[key]), at)
            for change in changes
            for key in [change.after.key]
        ]
        return instances + actions + listing_actions(study_key, study.listings if study else "", listings)


def _write_instance(change: Change, untold: Sequence[Row], at: datetime) -> dict[str, Any]:
    """An update, not a put: what earlier changes left to be told must stay."""
    row: Row = instance_row(change.after)
    row_key = {"pk": row.pop("pk"), "sk": row.pop("sk")}
    condition, values = _unmoved(change.before)
    sets = _present(row)
    update = _update(
        row_key, sets=sets, adds={}, removes=[*(row.keys() - sets.keys())], condition=condition, values=values
    )
    if untold:
        body = update["Update"]
        body["UpdateExpression"] = body["UpdateExpression"].replace("SET ", f"SET {SET_UNTOLD}, ", 1)
        body["ExpressionAttributeNames"] |= untold_names()
        body["ExpressionAttributeValues"] |= to_item(untold_values(change.after.key, untold, at))
    return update


def _unmoved(before: Instance | None) -> tuple[str, Row]:
    """The condition that the row still is as it was read."""
    if before is None:
        return "attribute_not_exists(pk)", {}
    return "change_number = :seen_number AND version_id = :seen_version", {
        ":seen_number": before.change_number,
        ":seen_version": before.version_id,
    }


def _present(row: Row) -> Row:
    return {name: value for name, value in row.items() if value not in (None, "")}


def _tally(changes: Sequence[Change]) -> _Tally:
    return _Tally(
        changes=len(changes),
        instances=sum(
            (not change.after.deleted) - (change.before is not None and not change.before.deleted) for change in changes
        ),
        newest=max((change.after for change in changes), key=_storing_order),
    )


def _storing_order(instance: Instance) -> tuple[bool, datetime, InstanceKey]:
    return (not instance.deleted, instance.arrival.stored_at, instance.key)


def _appearing(instances_before: int, added: int) -> int:
    """1 if the first instance comes, -1 if the last one goes."""
    return (instances_before + added > 0) - (instances_before > 0)


def _modalities(changes: Sequence[Change]) -> set[str]:
    return {
        modality
        for change in changes
        if not change.after.deleted and (modality := text(change.after.attributes, MODALITY))
    }


def _count_on_series(
    study: StudyKey,
    series_instance_uid: str,
    row_key: Row,
    before: Series | None,
    tally: _Tally,
    attributes: DicomJson,
) -> dict[str, Any]:
    sets = {**study_names(study), "kind": "SERIES", "series_instance_uid": series_instance_uid}
    remaining = (before.instances if before else 0) + tally.instances
    if remaining > 0:
        sets["uid"] = series_instance_uid
    if not tally.newest.deleted:
        sets["attributes"] = packed(attributes)
    condition, values = _counted_as_read("instances", before.instances if before else None, tally.instances)
    return _update(
        row_key,
        sets=sets,
        adds={"changes": tally.changes, "instances": tally.instances},
        removes=[] if remaining > 0 else ["uid"],
        condition=condition,
        values=values,
    )


def _counted_as_read(name: str, seen: int | None, added: int) -> tuple[str, Row]:
    """Hold a count to what was read, just as far as it decides whether something appears or disappears."""
    if seen is None:
        return "attribute_not_exists(pk)", {}
    if seen <= 0 or added < 0:
        return f"{name} = :seen", {":seen": seen}
    return f"{name} > :none", {":none": 0}


def _listings(before: Study | None, tally: _Tally, modalities: set[str]) -> str:
    """What the STUDY row will say of its LISTED rows."""
    if (before.instances if before else 0) + tally.instances == 0:
        return ""
    if tally.newest.deleted:
        return before.listings if before else ""
    known = before.modalities if before else ()
    return Listings.of_study(study_level(tally.newest.attributes), modalities.union(known)).recorded


def _count_on_study(
    key: StudyKey,
    before: Study | None,
    tally: _Tally,
    attributes: DicomJson,
    appearing: int,
    modalities: set[str],
    listings: str,
    at: datetime,
) -> dict[str, Any]:
    sets: Row = {
        **study_names(key),
        "kind": "STUDY",
        "state": StudyState.OPEN.value,
        "last_change_at": timestamp(at),
    }
    removes: list[str] = []
    if not tally.newest.deleted and not _is_older(tally.newest, before):
        sets |= _told_by_door(tally.newest)
        removes += {"expected_instances"} - sets.keys()
    condition, values = _counted_as_read("instances", before.instances if before else None, tally.instances)
    if before:
        listed, as_seen = listings_held(before.listings)
        condition += f" AND {listed}"
        values |= as_seen
        condition += " AND " + ("#state = :final" if before.state is StudyState.FINAL else "#state <> :final")
        values[":final"] = StudyState.FINAL.value
    if listings:
        sets["listings"] = listings
    else:
        removes.append("listings")
    if before is None or before.state is StudyState.FINAL:  # the mark of an open one stands already
        sets["opened_at"] = sets["pending_since"] = timestamp(at)
        sets["pending"] = pending_mark(PendingKind.FINALIZE, key)
    if (before.instances if before else 0) + tally.instances == 0:
        removes += study_search_keys({})
    elif not tally.newest.deleted:
        found = {name: value for name, value in study_search_keys(attributes).items() if value}
        sets |= {"attributes": packed(attributes), **found}
        removes += study_search_keys({}).keys() - found.keys()
    adds: Row = {
        "changes": tally.changes,
        "instances": tally.instances,
        "series": appearing,
        "revision": 0,  # so that the fence finds a number to compare before the first revision
    }
    if modalities:
        adds["modalities"] = modalities
    return _update(study_row_key(key), sets=sets, adds=adds, removes=removes, condition=condition, values=values)


def _told_by_door(newest: Instance) -> Row:
    """What finishes a study early: when its latest was stored, and how many there shall be."""
    told: Row = {"last_stored_at": timestamp(newest.arrival.stored_at)}
    if newest.arrival.expected_instances:
        told["expected_instances"] = newest.arrival.expected_instances
    return told


def _is_older(newest: Instance, before: Study | None) -> bool:
    """Whether what was stored later is counted already."""
    return bool(before and before.last_stored_at and before.last_stored_at > newest.arrival.stored_at)


def _update(
    row_key: Row, *, sets: Row, adds: Row, removes: Sequence[str], condition: str, values: Row
) -> dict[str, Any]:
    """One Update action; every attribute goes by a placeholder, since many are reserved words."""
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    if adds:
        expression += " ADD " + ", ".join(f"#{name} :add_{name}" for name in adds)
    if removes:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removes)
    names = {f"#{name}": name for name in (*sets, *adds, *removes)}
    if "#state" in condition:
        names["#state"] = "state"
    return {
        "Update": {
            "Key": to_item(row_key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_item(
                {
                    **{f":{name}": value for name, value in sets.items()},
                    **{f":add_{name}": value for name, value in adds.items()},
                    **values,
                }
            ),
        }
    }
