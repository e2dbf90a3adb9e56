"""The ledger's rows: their keys, and deliveries read back from them.

Entries of all bindings about one study lie in one partition, so that they can
be listed; who delivers of a study at the moment stands in another.
"""

from datetime import datetime
from zlib import crc32

from imaging.aws.rows import PENDING_SHARDS, Row, study_names, study_of, timestamp
from imaging.model.delivery import Delivery, Outcome
from imaging.model.identifiers import InstanceKey, StudyKey

REFUSED_MARK = "refused-delivery"
"""Stands in the sparse index of work left, for the operators' command to find."""


def deliveries_partition(study: StudyKey) -> str:
    """The partition of a study's deliveries."""
    return f"DELIVERIES#{study.space}#{study.study_instance_uid}"


def instances_prefix(binding: str) -> str:
    """How the sort keys of a binding's deliveries of instances begin."""
    return f"{binding}#INSTANCE#"


def revisions_prefix(binding: str) -> str:
    """How the sort keys of a binding's deliveries of revisions begin."""
    return f"{binding}#REVISION#"


def instance_delivery_key(binding: str, key: InstanceKey) -> Row:
    """The key of the entry of an instance, whatever its version."""
    return {
        "pk": deliveries_partition(key.study),
        "sk": f"{instances_prefix(binding)}{key.series_instance_uid}#{key.sop_instance_uid}",
    }


def lease_key(binding: str, study: StudyKey) -> Row:
    """The key of the row that says who delivers of a study."""
    return {"pk": f"DELIVERING#{study.space}#{study.study_instance_uid}", "sk": binding}


def delivery_key(delivery: Delivery) -> Row:
    """The key of an entry."""
    if isinstance(delivery.subject, InstanceKey):
        return instance_delivery_key(delivery.binding, delivery.subject)
    return {
        "pk": deliveries_partition(delivery.subject),
        "sk": f"{revisions_prefix(delivery.binding)}{delivery.number:08d}",
    }


def delivery_row(delivery: Delivery) -> Row:
    """An entry as the table holds it; a refused one can be found by its mark."""
    subject = delivery.subject
    row: Row = {
        **delivery_key(delivery),
        "kind": "DELIVERY",
        "binding": delivery.binding,
        "outcome": delivery.outcome.value,
        "at": timestamp(delivery.at),
        "tries": delivery.tries,
        "reason": delivery.reason,
        "claim": delivery.claim,
        "claimed_until": timestamp(delivery.claimed_until) if delivery.claimed_until else None,
    }
    if isinstance(subject, InstanceKey):
        row |= {
            **study_names(subject.study),
            "series_instance_uid": subject.series_instance_uid,
            "sop_instance_uid": subject.sop_instance_uid,
            "change_number": delivery.number,
        }
    else:
        row |= {**study_names(subject), "revision": delivery.number}
    if delivery.outcome is Outcome.REFUSED:
        shard = crc32(row["study_instance_uid"].encode()) % PENDING_SHARDS
        row |= {"pending": f"{REFUSED_MARK}#{shard}", "pending_since": timestamp(delivery.at)}
    return row


def delivery_of(row: Row) -> Delivery:
    """Read an entry."""
    study = study_of(row)
    subject: InstanceKey | StudyKey = study
    if "sop_instance_uid" in row:
        subject = InstanceKey(
            study.space, study.study_instance_uid, row["series_instance_uid"], row["sop_instance_uid"]
        )
    return Delivery(
        binding=row["binding"],
        subject=subject,
        number=row["change_number"] if isinstance(subject, InstanceKey) else row["revision"],
        outcome=Outcome(row["outcome"]),
        at=datetime.fromisoformat(row["at"]),
        tries=row["tries"],
        reason=row.get("reason", ""),
        claim=row.get("claim", ""),
        claimed_until=datetime.fromisoformat(row["claimed_until"]) if "claimed_until" in row else None,
    )
