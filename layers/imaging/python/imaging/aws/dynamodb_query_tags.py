"""Extended query tags in the manifest: a register a space, and attributes rewritten in place."""

import time
from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import datetime
from threading import Lock

from imaging.aws.dynamodb_table import ConditionsFailed, ManifestTable
from imaging.aws.rows import (
    Row,
    instance_row_key,
    packed,
    series_row_key,
    study_row_key,
    timestamp,
    to_item,
)
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import DicomJson, Instance
from imaging.model.study import Series, Study
from imaging.ports.catalogue import QueryTags
from imaging.ports.query_tags import TagRegister, name_of
from imaging.settings import QueryTag

_SECONDS_KEPT = 5.0


class DynamoDbTagRegisters:
    """`imaging.ports.query_tags.TagRegisters`: one row a space."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def read_register(self, space: str) -> TagRegister:
        """The space's register; an empty one if there is none yet."""
        row = self._table.get(_register_key(space))
        if row is None:
            return TagRegister(space)
        return TagRegister(
            space=space,
            ready=frozenset(row["ready"]),
            pending=frozenset(row["tags_pending"]),
            since=datetime.fromisoformat(row["since"]) if "since" in row else None,
            last_study=row.get("last_study", ""),
            reached=InstanceKey(space, *row["reached"]) if "reached" in row else None,
            left=tuple(row["studies_left"]),
            failed=tuple(row.get("studies_failed", ())),
            studies_done=row["studies_done"],
            studies_in_all=row["studies_in_all"],
            instances_passed_over=row.get("instances_passed_over", 0),
            version=row["version"],
        )

    def write_register(self, register: TagRegister) -> TagRegister | None:
        """Write what was made of a register; None if somebody else has written it since it was read."""
        written = replace(register, version=register.version + 1)
        row: Row = {
            **_register_key(register.space),
            "kind": "QUERY_TAGS",
            "ready": sorted(written.ready),
            "tags_pending": sorted(written.pending),  # not "pending", the sweeper's index
            "since": timestamp(written.since) if written.since else None,
            "last_study": written.last_study,
            "reached": list(astuple(written.reached)[1:]) if written.reached else None,  # its UIDs
            "studies_left": list(written.left),
            "studies_failed": list(written.failed),
            "studies_done": written.studies_done,
            "studies_in_all": written.studies_in_all,
            "instances_passed_over": written.instances_passed_over,
            "version": written.version,
        }
        put = {
            "Item": to_item(row),
            "ConditionExpression": "attribute_not_exists(pk) OR #version = :seen",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": to_item({":seen": register.version}),
        }
        try:
            self._table.transact([{"Put": put}])
        except ConditionsFailed:
            return None
        return written


class DynamoDbQueryTagStates:
    """`imaging.ports.catalogue.QueryTagStates`, read again after some seconds.

    Parameters
    ----------
    query_tags
        The configured ones; what the registers know besides is not searched.
    """

    def __init__(self, table: ManifestTable, query_tags: Sequence[QueryTag]) -> None:
        self._registers = DynamoDbTagRegisters(table)
        self._query_tags = query_tags
        self._kept: dict[str, tuple[float, QueryTags]] = {}
        self._turn = Lock()

    def read(self, space: str) -> QueryTags:
        """Those that are configured; what it says may be some seconds old."""
        if not self._query_tags:
            return QueryTags()
        read_at, states = self._kept.get(space, (0.0, None))
        if states is None:
            return self._read_again(space)
        # One reads it again; to the others, should that take long, what was read last is good enough.
        if time.monotonic() - read_at <= _SECONDS_KEPT or not self._turn.acquire(blocking=False):
            return states
        try:
            return self._read_again(space)
        finally:
            self._turn.release()

    def _read_again(self, space: str) -> QueryTags:
        states = self._read(space)
        self._kept[space] = time.monotonic(), states
        return states

    def _read(self, space: str) -> QueryTags:
        register = self._registers.read_register(space)
        ready = tuple(tag for tag in self._query_tags if name_of(tag) in register.ready)
        pending = [tag for tag in self._query_tags if tag not in ready]
        return QueryTags(ready, {tag: register.percent if name_of(tag) in register.pending else 0 for tag in pending})


class DynamoDbAttributeRewriting:
    """`imaging.ports.query_tags.AttributeRewriting` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def rewrite_instance(self, instance: Instance, attributes: DicomJson) -> bool:
        """Set an instance's attributes; False if the row moved on since it was read."""
        seen: Row = {":number": instance.change_number, ":version": instance.version_id}
        return self._rewrite(
            instance_row_key(instance.key), attributes, "change_number = :number AND version_id = :version", seen
        )

    def rewrite_series(self, series: Series, attributes: DicomJson) -> bool:
        """Set a series' attributes; False if the row moved on since it was read."""
        return self._rewrite(
            series_row_key(series.study, series.series_instance_uid),
            attributes,
            "#changes = :changes",
            {":changes": series.changes},
            "changes",
        )

    def rewrite_study(self, study: Study, attributes: DicomJson) -> bool:
        """Set a study's attributes; False if it changed, or a finalizer was at it, since it was read."""
        seen: Row = {
            ":changes": study.changes,
            ":revision": study.revision,
            ":state": study.state.value,
            ":last": timestamp(study.last_change_at),
        }
        return self._rewrite(
            study_row_key(study.key),
            attributes,
            "#changes = :changes AND #revision = :revision AND #state = :state AND last_change_at = :last",
            seen,
            "changes",
            "revision",
            "state",
        )

    def _rewrite(self, row_key: Row, attributes: DicomJson, condition: str, seen: Row, *names: str) -> bool:
        return self._table.update(
            row_key,
            UpdateExpression="SET #attributes = :attributes",
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in ("attributes", *names)},
            ExpressionAttributeValues=to_item({":attributes": packed(attributes), **seen}),
        )


def _register_key(space: str) -> Row:
    return {"pk": f"QUERY_TAGS#{space}", "sk": "QUERY_TAGS"}
