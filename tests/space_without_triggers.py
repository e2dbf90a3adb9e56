"""A space of a deployment without triggers, on the embedded AWS: the test sets the stages off."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3

from imaging import bootstrap
from imaging.aws.clients import client
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Door
from imaging.pipeline.finalize_study import Finalized
from tests.instances import part10_instance
from tests.manifest_table import create_manifest_table
from tests.reconciling import fail


class SpaceWithoutTriggers:
    """Bucket and table are real; clients must have been made for the embedded AWS."""

    def __init__(self, query_tags: Sequence[dict[str, str]] = ()) -> None:
        self.bucket, self.table = f"space-{uuid4().hex}", f"manifest-{uuid4().hex}"
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=self.bucket)
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        create_manifest_table(self.table)
        self.environment = {
            "SPACES": json.dumps([{"name": "main", "bucket": self.bucket, "ae_title": "MAIN"}]),
            "MANIFEST_TABLE": self.table,
            "QUIET_SECONDS": "0",
            "STUDY_TIMER_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:none",
            "FINALIZE_QUEUE_URL": "https://queue.example.org/none",
            "QUERY_TAGS": json.dumps(list(query_tags)),
        }
        self._store = bootstrap.store_instance(self.environment)
        self._index = bootstrap.index_instance(self.environment).index
        self._delete = bootstrap.delete_instances(self.environment)
        self._finalize = bootstrap.finalize_study(self.environment)
        self.reconcile = bootstrap.reconcile(self.environment, fail)

    def put(self, key: InstanceKey, content: bytes = b"", **attributes: Any) -> None:
        """Store a file, or a small instance with these attributes; nobody indexes it."""
        self._store("main", content or part10_instance(key, **attributes), door=Door.STOW_RS)

    def store(self, key: InstanceKey, content: bytes = b"", **attributes: Any) -> None:
        """The same, and index it."""
        self.put(key, content, **attributes)
        self.index(key)

    def index(self, *keys: InstanceKey) -> None:
        """Index what the bucket holds under these keys."""
        assert self._index(keys) == {}

    def delete(self, *keys: InstanceKey) -> None:
        """Delete instances one by one, and index that."""
        for each in keys:
            self._delete_at(each.study, f"/series/{each.series_instance_uid}/instances/{each.sop_instance_uid}")
        self.index(*keys)

    def delete_all(self, keys: Sequence[InstanceKey], below: str = "") -> None:
        """Delete the study that these are all of, or the part `below` it, and index that."""
        self._delete_at(keys[0].study, below)
        self.index(*keys)

    def finalize(self, study: str, expected: Finalized = Finalized.REVISED) -> None:
        """Write the study's next revision, or find that there is none to write."""
        outcome = self._finalize(StudyKey("main", study))
        assert outcome is expected, outcome

    def _delete_at(self, study: StudyKey, below: str) -> None:
        assert self._delete(f"/spaces/main/studies/{study.study_instance_uid}{below}").status == 204


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """How many calls of each operation our clients make of S3 and DynamoDB meanwhile."""
    calls: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        calls[model.name] += 1

    services = ("s3", "dynamodb")
    for service in services:
        client(service).meta.events.register(f"before-call.{service}", count)
    try:
        yield calls
    finally:
        for service in services:
            client(service).meta.events.unregister(f"before-call.{service}", count)
