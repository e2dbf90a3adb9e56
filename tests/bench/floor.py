"""The floor: the same bytes and the same items by bare boto3, with nothing of ours between."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore.config import Config

from imaging.aws.rows import instance_partitions, study_row_key, to_item
from imaging.model.identifiers import InstanceKey, StudyKey
from infra.local.embedded_aws.process import REGION
from tests.bench.measurement import BenchFailed, Operation
from tests.bench.synthetic_studies import Study

_READ_BYTES = 1024 * 1024
# Its calls are recorded as those of our processes are, so that recording costs both the same.
_CONFIG: Config = Config(  # type: ignore[call-arg]  # the stubs leave it out
    user_agent_appid="imaging-bench", max_pool_connections=32, proxies={}
)


@dataclass(frozen=True)
class Floor:
    """Bare calls on the bucket and the table that the system uses."""

    s3: Any
    dynamodb: Any
    bucket: str
    table: str

    def puts(self, study: Study) -> list[Operation]:
        """One PutObject an instance, under its real key: events and indexing run behind it as behind any other."""
        return [partial(self._put, key, file) for key, file in zip(study.keys, study.files, strict=True)]

    def gets(self, study: Study) -> list[Operation]:
        """One GetObject an instance."""
        return [partial(self._get, key, len(file)) for key, file in zip(study.keys, study.files, strict=True)]

    def study_queries(self, study: Study, repeats: int) -> list[Operation]:
        """The STUDY row, by one Query."""
        key = to_item(study_row_key(study.keys[0].study))
        values = {":pk": key["pk"], ":sk": key["sk"]}
        return [lambda: self._query("pk = :pk AND sk = :sk", values, at_least=1)] * repeats

    def metadata_queries(self, study: Study, repeats: int) -> list[Operation]:
        """All METADATA rows of the study, by one Query a partition and page."""
        return [lambda: self._metadata(study.keys[0].study, len(study.keys))] * repeats

    def _put(self, key: InstanceKey, file: bytes) -> int:
        self.s3.put_object(Bucket=self.bucket, Key=key.object_key, Body=file)
        return len(file)

    def _get(self, key: InstanceKey, size: int) -> int:
        body = self.s3.get_object(Bucket=self.bucket, Key=key.object_key)["Body"]
        if sum(map(len, body.iter_chunks(_READ_BYTES))) != size:
            raise BenchFailed(f"GetObject of {key.object_key} did not give all of it.")
        return size

    def _metadata(self, study: StudyKey, instances: int) -> int:
        found = 0
        for partition in instance_partitions(study):
            values = to_item({":pk": partition, ":prefix": "METADATA#"})
            found += self._query("pk = :pk AND begins_with(sk, :prefix)", values, at_least=0)
        if found != instances:
            raise BenchFailed(f"The manifest has {found} metadata rows of {instances} instances.")
        return 0

    def _query(self, condition: str, values: dict[str, Any], *, at_least: int) -> int:
        query: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
        }
        found: int = 0
        while True:
            page = self.dynamodb.query(**query)
            found += page["Count"]
            if "LastEvaluatedKey" not in page:
                break
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        if found < at_least:
            raise BenchFailed("A query of the manifest found nothing.")
        return found


def floor(endpoint_url: str, bucket: str, table: str) -> Floor:
    """Make the clients."""
    session: Any = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    s3, dynamodb = (
        session.client(service, endpoint_url=endpoint_url, config=_CONFIG) for service in ("s3", "dynamodb")
    )
    return Floor(s3, dynamodb, bucket, table)
