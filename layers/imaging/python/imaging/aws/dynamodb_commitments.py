"""Requests for storage commitment as rows of the manifest table, whose marks say when each is due.

They are few, and a mark is small: one partition of the sparse index takes them all, so that looking for what is due
costs one query.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import Row, timestamp, to_item
from imaging.errors import Rejected, RejectReason
from imaging.model.commitment import Commitment, CommitmentKey, SopReference
from imaging.ports.manifest import PendingKind

MAX_PACKED_BYTES = 400_000
"""An item of DynamoDB has at most 409,600; random UIDs take 18 each, those that count up far less."""

_MARK = f"{PendingKind.COMMIT}#0"


class DynamoDbCommitments:
    """`imaging.ports.commitments.Commitments` on the manifest table."""

    def __init__(self, table: ManifestTable) -> None:
        self._table = table

    def request(self, commitment: Commitment, token: str, until: datetime) -> bool:
        """Keep a request, and hold it until then; see the port."""
        packed = _packed(commitment.references)
        row = _row(commitment, packed) | {"lease": token, "pending_since": timestamp(until)}
        while not self._table.put_if_absent(row):
            pending = self._table.get(_row_key(commitment.key))
            if pending is None:
                continue  # it came to its end meanwhile, and is asked for anew
            if pending["instances"] != packed:
                return False
            if self._ask_again(commitment, token, until):
                break
        return True

    def hold(self, key: CommitmentKey, token: str, until: datetime) -> Commitment | None:
        """Read a request that `token` holds, and hold it until then."""
        if not self.keep(key, token, until):
            return None
        row = self._table.get(_row_key(key))
        return _commitment(row) if row and row["lease"] == token else None

    def take_due(self, token: str, now: datetime, until: datetime) -> Iterator[CommitmentKey]:
        """Take requests that nobody holds any more."""
        marked = self._table.query(
            IndexName="pending",
            KeyConditionExpression="pending = :mark AND pending_since < :now",
            ExpressionAttributeValues=to_item({":mark": _MARK, ":now": timestamp(now)}),
        )
        for found in marked:
            key = _key(found)
            if self._take(key, token, until, since=found["pending_since"]):  # the index may lag behind
                yield key

    def keep(self, key: CommitmentKey, token: str, until: datetime, *, after_a_try: bool = False) -> bool:
        """Hold a request longer that `token` holds."""
        return self._set_until(key, token, until, after_a_try, "")

    def put_off(self, key: CommitmentKey, token: str, until: datetime, *, after_a_try: bool = False) -> None:
        """Let go of a request that nobody shall take before then."""
        self._set_until(key, token, until, after_a_try, "REMOVE #lease")

    def done(self, key: CommitmentKey, token: str) -> bool:
        """Forget a request that `token` holds."""
        return self._table.remove(
            _row_key(key),
            ConditionExpression="#lease = :token",
            ExpressionAttributeNames={"#lease": "lease"},
            ExpressionAttributeValues=to_item({":token": token}),
        )

    def _set_until(self, key: CommitmentKey, token: str, until: datetime, after_a_try: bool, and_then: str) -> bool:
        return self._table.update(
            _row_key(key),
            UpdateExpression=f"SET pending_since = :until, tries = tries + :one {and_then}",
            ConditionExpression="#lease = :token",
            ExpressionAttributeNames={"#lease": "lease"},
            ExpressionAttributeValues=to_item({":until": timestamp(until), ":one": int(after_a_try), ":token": token}),
        )

    def _ask_again(self, commitment: Commitment, token: str, until: datetime) -> bool:
        """Let a pending request begin anew, whoever holds it; False if it has come to its end."""
        return self._table.update(
            _row_key(commitment.key),
            UpdateExpression="SET #lease = :token, pending_since = :until, requested_at = :at, tries = :tries",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={"#lease": "lease"},
            ExpressionAttributeValues=to_item(
                {
                    ":token": token,
                    ":until": timestamp(until),
                    ":at": timestamp(commitment.requested_at),
                    ":tries": commitment.tries,
                }
            ),
        )

    def _take(self, key: CommitmentKey, token: str, until: datetime, *, since: str) -> bool:
        return self._table.update(
            _row_key(key),
            UpdateExpression="SET #lease = :token, pending_since = :until",
            ConditionExpression="pending_since = :since",
            ExpressionAttributeNames={"#lease": "lease"},
            ExpressionAttributeValues=to_item({":token": token, ":until": timestamp(until), ":since": since}),
        )


def _row_key(key: CommitmentKey) -> Row:
    return {"pk": f"COMMITMENT#{key.space}#{key.transaction_uid}", "sk": f"REQUESTER#{key.requester_ae_title}"}


def _key(row: Row) -> CommitmentKey:
    _, space, transaction_uid = row["pk"].split("#")
    return CommitmentKey(space, row["sk"].removeprefix("REQUESTER#"), transaction_uid)


def _row(commitment: Commitment, packed: bytes) -> Row:
    return {
        **_row_key(commitment.key),
        "kind": "COMMITMENT",
        "space": commitment.key.space,
        "called_ae_title": commitment.called_ae_title,
        "requested_at": timestamp(commitment.requested_at),
        "tries": commitment.tries,
        "instances": packed,
        "pending": _MARK,
    }


def _commitment(row: Row) -> Commitment:
    return Commitment(
        _key(row),
        row["called_ae_title"],
        _unpacked(row["instances"]),
        datetime.fromisoformat(row["requested_at"]),
        row["tries"],
    )


def _packed(references: Sequence[SopReference]) -> bytes:
    """The references sorted, so that the same request is the same bytes, each SOP Class once."""
    groups = groupby(sorted(set(references)), key=lambda reference: reference.sop_class_uid)
    document = {sop_class_uid: [reference.sop_instance_uid for reference in group] for sop_class_uid, group in groups}
    packed = zlib.compress(json.dumps(document, separators=(",", ":")).encode())
    if len(packed) > MAX_PACKED_BYTES:
        raise Rejected(
            RejectReason.TOO_LARGE,
            "Too many instances; ask for commitment in smaller portions.",  # 64 characters of a comment
        )
    return packed


def _unpacked(packed: bytes) -> tuple[SopReference, ...]:
    document = json.loads(zlib.decompress(packed))
    return tuple(SopReference(sop_class_uid, uid) for sop_class_uid, uids in document.items() for uid in uids)
