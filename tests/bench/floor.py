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
from tests.bench.synthetic_studies import PATIENT_ID, STUDY_DATE, Study, frame_ranges

REPEATS = 20
PAGE = 50
"""Of a search: so many studies at most."""

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

    def study_queries(self, study: Study) -> list[Operation]:
        """The STUDY row, by one Query."""
        key = to_item(study_row_key(study.keys[0].study))
        values = {":pk": key["pk"], ":sk": key["sk"]}
        return [lambda: self._query("pk = :pk AND sk = :sk", values, at_least=1)] * REPEATS

    def metadata_queries(self, study: Study) -> list[Operation]:
        """All METADATA rows of the study, by one Query a partition and page."""
        return [lambda: self._metadata(study.keys[0].study, len(study.keys))] * REPEATS

    def frame_gets(self, study: Study) -> list[Operation]:
        """One GetObject a frame, of its bytes alone."""
        (key,), (file,) = study.keys, study.files
        ranges = frame_ranges(file)
        return [partial(self._get_range, key, *ranges[number - 1]) for number in some_frames(study)]

    def patient_queries(self, study: Study) -> list[Operation]:
        """The newest studies of the patient, by one Query of an index: their keys and no more."""
        return [partial(self.newest_of_patient, study.keys[0].space, PATIENT_ID)]

    def date_queries(self, study: Study) -> list[Operation]:
        """The newest studies of a month, as `patient_queries`."""
        month = STUDY_DATE[:6]
        return [partial(self.newest_of_dates, study.keys[0].space, f"{month}01", f"{month}31")]

    def newest_of_patient(self, space: str, patient_id: str) -> int:
        """One Query of the index by patient."""
        condition = "#space = :space AND patient_id = :patient"
        return self._newest("by_patient", condition, {":space": space, ":patient": patient_id})

    def newest_of_dates(self, space: str, first: str, last: str) -> int:
        """One Query of the index by date."""
        condition = "#space = :space AND listed_date BETWEEN :first AND :last"
        return self._newest("by_date", condition, {":space": space, ":first": first, ":last": last})

    def _put(self, key: InstanceKey, file: bytes) -> int:
        self.s3.put_object(Bucket=self.bucket, Key=key.object_key, Body=file)
        return len(file)

    def _get(self, key: InstanceKey, size: int) -> int:
        body = self.s3.get_object(Bucket=self.bucket, Key=key.object_key)["Body"]
        if sum(map(len, body.iter_chunks(_READ_BYTES))) != size:
            raise BenchFailed(f"GetObject of {key.object_key} did not give all of it.")
        return size

    def _get_range(self, key: InstanceKey, first: int, last: int) -> int:
        answer = self.s3.get_object(Bucket=self.bucket, Key=key.object_key, Range=f"bytes={first}-{last}")
        return len(answer["Body"].read())

    def _newest(self, index: str, condition: str, values: dict[str, str]) -> int:
        answer = self.dynamodb.query(
            TableName=self.table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeNames={"#space": "space"},
            ExpressionAttributeValues=to_item(values),
            ScanIndexForward=False,
            Limit=PAGE,
        )
        if not answer["Count"]:
            raise BenchFailed(f"The index {index} lists nothing.")
        return 0

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


def some_frames(study: Study) -> list[int]:
    """Numbers of frames from all over a multi-frame object, in no order."""
    (file,) = study.files
    return [1 + 7919 * place % len(frame_ranges(file)) for place in range(REPEATS)]


def floor(endpoint_url: str, bucket: str, table: str) -> Floor:
    """Make the clients."""
    session: Any = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    s3, dynamodb = (
        session.client(service, endpoint_url=endpoint_url, config=_CONFIG) for service in ("s3", "dynamodb")
    )
    return Floor(s3, dynamodb, bucket, table)
