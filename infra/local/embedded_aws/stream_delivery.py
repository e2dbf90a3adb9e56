"""DynamoDB streams delivered to functions with Lambda's own rules for failures.

MiniStack ignores ReportBatchItemFailures, retries for ever and delivers on the
thread that also polls the queues. Here as on AWS: a batch is retried from its
first failed item, halved if the mapping says so, and set aside when its
retries are used up; the order stays. MaximumBatchingWindow is not imitated:
batches are smaller than on AWS, never larger.

References
----------
AWS Lambda Developer Guide, *Configuring partial batch response with DynamoDB
and Lambda* and *Retain discarded records for a DynamoDB event source*.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import dynamodb, lambda_svc

from infra.local.embedded_aws.row_journal import RowJournal

FIRST_RETRY_SECONDS = 0.4
LONGEST_RETRY_SECONDS = 10.0
CONSUMED_RECORDS_KEPT = 1000

Record = dict[str, Any]
Mapping = dict[str, Any]


@dataclass
class Trouble:
    """What one mapping could not deliver yet."""

    position: int
    attempts: int
    batch_size: int


class StreamDelivery:
    """Takes the place of MiniStack's poller of DynamoDB streams."""

    def __init__(self, journal: RowJournal) -> None:
        self._journal = journal
        self._trouble: dict[str, Trouble] = {}

    def install(self) -> None:
        """Let MiniStack's poll thread call this from now on."""
        lambda_svc._poll_dynamodb_streams = self.poll

    def poll(self) -> bool:
        """Start what can be delivered; whether there was any."""
        started = False
        for account, region, mapping in lambda_svc._iter_all_esms():
            with request_scope(account, region):
                started = self._poll_mapping(mapping) or started
        return started

    def _poll_mapping(self, mapping: Mapping) -> bool:
        table_arn, _, stream_label = mapping.get("EventSourceArn", "").partition("/stream/")
        mapping_id = mapping["UUID"]
        if not stream_label or not mapping.get("Enabled", True) or lambda_svc._esm_inflight.get(mapping_id):
            return False
        if lambda_svc._esm_backoff_until.get(mapping_id, 0) > time.time():
            return False
        table_name = table_arn.rpartition("/")[2]
        table = dynamodb._tables.get(table_name)
        function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
        if function is None or table is None or table.get("LatestStreamArn") != mapping["EventSourceArn"]:
            return False
        end = self._journal.stream_end(table_arn)
        position = self._position(mapping, table_name, end)
        trouble = self._trouble.get(mapping_id)
        batch_size = min(mapping.get("BatchSize", 100), end - position, *([trouble.batch_size] if trouble else []))
        if batch_size <= 0:
            return False
        batch = dynamodb.stream_records_since(table_name, position, batch_size)
        wanted = lambda_svc._apply_filter_criteria(batch, mapping)
        if wanted:
            lambda_svc._dispatch_esm_batch(mapping_id, self._deliver, mapping, function, batch, wanted, position)
        else:
            self._advance(mapping, position + len(batch))
        return True

    def _position(self, mapping: Mapping, table_name: str, end: int) -> int:
        horizon = dynamodb.stream_start_position(table_name)
        start = horizon if mapping.get("StartingPosition") == "TRIM_HORIZON" else end
        with lambda_svc._dynamodb_stream_positions_lock:
            position: int = lambda_svc._dynamodb_stream_positions.get(mapping["UUID"], start)
            position = min(max(position, horizon), end)
            lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position
        return position

    def _deliver(
        self, mapping: Mapping, function: Mapping, batch: list[Record], wanted: list[Record], position: int
    ) -> None:
        result = lambda_svc._execute_function(function, {"Records": wanted})
        delivered = delivered_count(mapping, batch, result)
        if delivered == len(batch):
            self._trouble.pop(mapping["UUID"], None)
            mapping["LastProcessingResult"] = "OK"
            self._advance(mapping, position + delivered)
            return
        mapping["LastProcessingResult"] = "FAILED"
        if delivered:
            self._advance(mapping, position + delivered)
        self._retry_or_set_aside(mapping, function, batch[delivered:], position + delivered, result)

    def _retry_or_set_aside(
        self, mapping: Mapping, function: Mapping, left: list[Record], position: int, result: Mapping
    ) -> None:
        mapping_id = mapping["UUID"]
        before = self._trouble.get(mapping_id)
        attempts = before.attempts if before and before.position == position else 0
        batch_size = len(left)
        retries = mapping.get("MaximumRetryAttempts")
        if mapping.get("BisectBatchOnFunctionError") and batch_size > 1:
            batch_size //= 2  # halving uses up no retry
        elif retries is not None and 0 <= int(retries) <= attempts:
            lambda_svc._send_ddb_stream_failure_record(
                mapping, function, left, mapping["EventSourceArn"], result, "RetryAttemptsExhausted"
            )
            self._trouble.pop(mapping_id, None)
            self._advance(mapping, position + len(left))
            return
        else:
            attempts += 1
        self._trouble[mapping_id] = Trouble(position, attempts, batch_size)
        wait_seconds = min(FIRST_RETRY_SECONDS * 2 ** max(attempts - 1, 0), LONGEST_RETRY_SECONDS)
        lambda_svc._esm_backoff_until[mapping_id] = time.time() + wait_seconds

    def _advance(self, mapping: Mapping, position: int) -> None:
        with lambda_svc._dynamodb_stream_positions_lock:
            lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position
        with self._journal.transaction():
            self._journal.note_reader(mapping["UUID"], position)
            self._drop_consumed(mapping["EventSourceArn"])

    def _drop_consumed(self, stream_arn: str) -> None:
        """Let go of records that every mapping has read; MiniStack would keep a day of them."""
        positions = [
            lambda_svc._dynamodb_stream_positions.get(mapping["UUID"], 0)
            for _, _, mapping in lambda_svc._iter_all_esms()
            if mapping.get("EventSourceArn") == stream_arn
        ]
        table_arn = stream_arn.partition("/stream/")[0]
        table_name = table_arn.rpartition("/")[2]
        first_kept = min(positions, default=0) - CONSUMED_RECORDS_KEPT
        surplus = first_kept - dynamodb._trimmed_count(table_name)
        if surplus >= CONSUMED_RECORDS_KEPT:
            del dynamodb._live_stream_records(table_name)[:surplus]
            dynamodb._stream_trimmed[table_name] = first_kept
            self._journal.drop_stream_records(table_arn, first_kept)


def delivered_count(mapping: Mapping, batch: list[Record], result: Mapping) -> int:
    """How many of the batch, from its beginning, need not be delivered again."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        return len(batch)
    answer = result.get("body")
    if isinstance(answer, str):
        answer = json.loads(answer or "null")
    failures = (answer or {}).get("batchItemFailures") or []
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    failed = [failure.get("itemIdentifier") for failure in failures]
    return min((numbers.index(number) if number in numbers else 0 for number in failed), default=len(batch))
