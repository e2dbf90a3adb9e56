"""The manifest's rows: their keys, their marks, and the model read back from them.

A study's own rows lie in one partition. Its instances, which come many a
second, are spread over `PARTITIONS_PER_STUDY`: DynamoDB takes about 1,000 write
units a second on one partition, and a row written in a transaction costs two to
four of them.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from zlib import crc32

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

from imaging.model.completion import CompletionReason
from imaging.model.deletions import Deletions
from imaging.model.events import RevisionCounts
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action, Arrival, DicomJson, Door, Instance
from imaging.model.revision import Revision
from imaging.model.study import Series, Study, StudyState
from imaging.ports.manifest import Change, CommittedRevision, PendingKind

PARTITIONS_PER_STUDY = 4
PENDING_SHARDS = 8
LEASE = "leased_until"  # stands among the marks of deletions, whose names are UIDs

Row = dict[str, Any]

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def to_item(row: Row) -> dict[str, Any]:
    """Python values as DynamoDB attribute values; None and "" are left out, for no index key may be empty."""
    return {name: _serialize(value) for name, value in row.items() if value is not None and value != ""}


def of_item(item: dict[str, Any]) -> Row:
    """DynamoDB attribute values as Python values, numbers as int."""
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any attribute value
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, Binary):
        return value.value  # type: ignore[attr-defined]  # the stubs leave it out
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return list(map(_plain, value))
    return value


def timestamp(moment: datetime) -> str:
    """A moment as the rows hold it: UTC, microseconds, so that texts sort as times do."""
    return moment.isoformat(timespec="microseconds")


def packed(document: Mapping[str, Any]) -> bytes:
    """DICOM JSON, or another document, as a row holds it."""
    return zlib.compress(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


def unpacked(attributes: bytes | None) -> DicomJson:
    """Read `packed` back."""
    if not attributes:
        return {}
    unpacked_attributes: DicomJson = json.loads(zlib.decompress(attributes))
    return unpacked_attributes


def study_partition(study: StudyKey) -> str:
    """The partition of the study's STUDY, SERIES and REVISION rows."""
    return f"STUDY#{study.space}#{study.study_instance_uid}"


def study_row_key(study: StudyKey) -> Row:
    """The key of the STUDY row."""
    return {"pk": study_partition(study), "sk": "STUDY"}


def series_row_key(study: StudyKey, series_instance_uid: str) -> Row:
    """The key of a SERIES row."""
    return {"pk": study_partition(study), "sk": f"SERIES#{series_instance_uid}"}


def revision_row_key(study: StudyKey, number: int) -> Row:
    """The key of a REVISION row."""
    return {"pk": study_partition(study), "sk": f"REVISION#{number:08d}"}


def instance_partitions(study: StudyKey) -> list[str]:
    """All partitions over which the study's INSTANCE and METADATA rows are spread."""
    return [f"INSTANCES#{study.space}#{study.study_instance_uid}#{shard}" for shard in range(PARTITIONS_PER_STUDY)]


def instance_row_key(key: InstanceKey) -> Row:
    """The key of an INSTANCE row."""
    shard = crc32(key.sop_instance_uid.encode()) % PARTITIONS_PER_STUDY
    return {
        "pk": instance_partitions(key.study)[shard],
        "sk": f"INSTANCE#{key.series_instance_uid}#{key.sop_instance_uid}",
    }


def metadata_row_key(instance: Instance) -> Row:
    """The key of the METADATA row of one version of an instance."""
    return metadata_row_key_of(instance.key, instance.version_id)


def metadata_row_key_of(key: InstanceKey, version_id: str) -> Row:
    """The same for a version that need not be the instance's present one."""
    return {
        "pk": instance_row_key(key)["pk"],
        "sk": f"METADATA#{key.series_instance_uid}#{key.sop_instance_uid}#{version_id}",
    }


def metadata_row(change: Change) -> Row:
    """The METADATA row of a change that brings one."""
    return {
        **metadata_row_key(change.after),
        **study_names(change.after.key.study),
        "kind": "METADATA",
        "version_id": change.after.version_id,
        "metadata": change.metadata,
    }


def pending_mark(kind: PendingKind, study: StudyKey) -> str:
    """The mark of work left, spread so that no index partition is written by all."""
    return f"{kind.value}#{crc32(study.study_instance_uid.encode()) % PENDING_SHARDS}"


def study_names(study: StudyKey) -> Row:
    """The attributes that name a study, on every row of it."""
    return {"space": study.space, "study_instance_uid": study.study_instance_uid}


def study_of(row: Row) -> StudyKey:
    """The study a row belongs to."""
    return StudyKey(row["space"], row["study_instance_uid"])


def instance_row(instance: Instance) -> Row:
    """The INSTANCE row, without its mark."""
    key, arrival = instance.key, instance.arrival
    return {
        **instance_row_key(key),
        **study_names(key.study),
        "kind": "INSTANCE",
        "series_instance_uid": key.series_instance_uid,
        "sop_instance_uid": key.sop_instance_uid,
        "uid": None if instance.deleted else key.sop_instance_uid,
        "change_number": instance.change_number,
        "action": instance.action.value,
        "version_id": instance.version_id,
        "size_bytes": instance.size_bytes,
        "sop_class_uid": instance.sop_class_uid,
        "data_set_digest": arrival.data_set_digest,
        "transfer_syntax_uid": arrival.transfer_syntax_uid,
        "door": arrival.door.value,
        "stored_at": timestamp(arrival.stored_at),
        "calling_ae_title": arrival.calling_ae_title,
        "expected_instances": arrival.expected_instances,
        "attributes": packed(instance.attributes),
        "pixel_layout": instance.pixel_layout or None,
        "unreadable": list(instance.unreadable) or None,
        "too_long": list(instance.too_long) or None,
        "partial_dates": packed(instance.partial_dates) if instance.partial_dates else None,
    }


def instance_key_of(row: Row) -> InstanceKey:
    """The instance that an INSTANCE row is of."""
    return InstanceKey(row["space"], row["study_instance_uid"], row["series_instance_uid"], row["sop_instance_uid"])


def instance_of(row: Row) -> Instance:
    """Read an INSTANCE row."""
    return Instance(
        key=instance_key_of(row),
        change_number=row["change_number"],
        action=Action(row["action"]),
        version_id=row["version_id"],
        size_bytes=row["size_bytes"],
        arrival=Arrival(
            data_set_digest=row["data_set_digest"],
            transfer_syntax_uid=row["transfer_syntax_uid"],
            door=Door(row["door"]),
            stored_at=datetime.fromisoformat(row["stored_at"]),
            calling_ae_title=row.get("calling_ae_title", ""),
            expected_instances=row.get("expected_instances"),
        ),
        sop_class_uid=row["sop_class_uid"],
        attributes=unpacked(row.get("attributes")),
        pixel_layout=row.get("pixel_layout", b""),
        unreadable=tuple(row.get("unreadable", ())),
        too_long=tuple(row.get("too_long", ())),
        partial_dates=unpacked(row.get("partial_dates")),
    )


def deletions_row(deletions: Deletions) -> Row:
    """The marks of deletions, as an attribute of the STUDY row."""
    marks: Row = {scope: timestamp(until) for scope, until in deletions.until.items()}
    return {**marks, LEASE: timestamp(deletions.leased_until)} if deletions.leased_until else marks


def deletions_of(row: Row) -> Deletions:
    """Read the marks of a STUDY row."""
    moments = {scope: datetime.fromisoformat(moment) for scope, moment in row.get("deletions", {}).items()}
    leased_until = moments.pop(LEASE, None)
    return Deletions(moments, leased_until)


def study_of_row(row: Row) -> Study:
    """Read a STUDY row."""
    return Study(
        key=study_of(row),
        state=StudyState(row["state"]),
        changes=row["changes"],
        opened_at=datetime.fromisoformat(row["opened_at"]),
        last_change_at=datetime.fromisoformat(row["last_change_at"]),
        revision=row.get("revision", 0),
        claim=row.get("claim"),
        series=row.get("series", 0),
        instances=row.get("instances", 0),
        modalities=tuple(sorted(row.get("modalities", ()))),
        attributes=unpacked(row.get("attributes")),
        deletions=deletions_of(row),
        listings=row.get("listings", ""),
        last_stored_at=_moment(row.get("last_stored_at")),
        released_at=_moment(row.get("released_at")),
        expected_instances=row.get("expected_instances"),
        claimed_at=_moment(row.get("claimed_at")),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def series_of_row(row: Row) -> Series:
    """Read a SERIES row."""
    return Series(
        study=study_of(row),
        series_instance_uid=row["series_instance_uid"],
        instances=row.get("instances", 0),
        changes=row.get("changes", 0),
        attributes=unpacked(row.get("attributes")),
        metadata_key=row.get("metadata_key"),
        metadata_changes=row.get("metadata_changes", 0),
    )


def revision_row(revision: Revision, claim: str) -> Row:
    """The REVISION row of a revision that is still to be told."""
    return {
        **revision_row_key(revision.study, revision.number),
        **study_names(revision.study),
        "kind": "REVISION",
        "revision": revision.number,
        "created_at": timestamp(revision.created_at),
        "reason": revision.reason.value,
        "claim": claim,
        "counts": asdict(revision.counts),
        "pending": pending_mark(PendingKind.ANNOUNCE_REVISION, revision.study),
        "pending_since": timestamp(revision.created_at),
    }


def revision_of_row(row: Row) -> CommittedRevision:
    """Read a REVISION row."""
    return CommittedRevision(
        study=study_of(row),
        number=row["revision"],
        created_at=datetime.fromisoformat(row["created_at"]),
        claim=row["claim"],
        counts=RevisionCounts(**row["counts"]),
        reason=CompletionReason(row["reason"]),
    )
