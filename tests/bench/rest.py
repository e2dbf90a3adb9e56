"""Waits until a store has had all its consequences, so that measurements do not disturb each other."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

import httpx

from imaging.aws.rows import PENDING_SHARDS, Row, of_item, study_row_key, to_item
from imaging.model.study import StudyState
from imaging.ports.manifest import PendingKind
from tests.bench.measurement import BenchFailed
from tests.bench.synthetic_studies import Study

_LOOK_SECONDS = 0.25
_LONGEST_SECONDS = 1800.0
_KEYS_A_LOOK = 100


class Rest(Protocol):
    """Waits for studies that were stored."""

    def indexed(self, studies: Sequence[Study]) -> None:
        """Wait until all their instances can be read."""

    def over(self, studies: Sequence[Study]) -> None:
        """Wait until they have their revisions, and these are told and published."""


class RestOfManifest:
    """Looks at the manifest, past all that is measured."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def indexed(self, studies: Sequence[Study]) -> None:
        self._until(studies, lambda row, study: row.get("instances") == len(study.keys))

    def over(self, studies: Sequence[Study]) -> None:
        self._until(
            studies,
            lambda row, study: row.get("instances") == len(study.keys) and row["state"] == StudyState.FINAL.value,
        )
        uids = {study.study_instance_uid for study in studies}
        _wait(lambda: not any(row["pk"].split("#")[2] in uids for row in self._pending()))

    def _until(self, studies: Sequence[Study], is_so: Callable[[Row, Study], bool]) -> None:
        """Look at a few at a time, from the first one of which it is not so yet."""
        waiting = list(studies)

        def look() -> bool:
            now, later = waiting[:_KEYS_A_LOOK], waiting[_KEYS_A_LOOK:]
            rows = self._rows(now)
            still = [
                study
                for study in now
                if study.study_instance_uid not in rows or not is_so(rows[study.study_instance_uid], study)
            ]
            waiting[:] = still + later
            return not waiting

        _wait(look)

    def _rows(self, studies: Iterable[Study]) -> dict[str, Row]:
        keys = [to_item(study_row_key(study.keys[0].study)) for study in studies]
        answer = self._dynamodb.batch_get_item(RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}})
        return {row["study_instance_uid"]: row for row in map(of_item, answer["Responses"][self._table])}

    def _pending(self) -> Iterable[Row]:
        for mark in (f"{kind.value}#{shard}" for kind in PendingKind for shard in range(PENDING_SHARDS)):
            for page in self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="pending",
                KeyConditionExpression="pending = :pending",
                ExpressionAttributeValues=to_item({":pending": mark}),
            ):
                yield from map(of_item, page["Items"])


class RestOfHistory:
    """Asks for the studies' histories, where only the DICOMweb address is known."""

    def __init__(self, dicomweb: str) -> None:
        self._dicomweb = dicomweb

    def indexed(self, studies: Sequence[Study]) -> None:
        self.over(studies)

    def over(self, studies: Sequence[Study]) -> None:
        with httpx.Client(timeout=60, trust_env=False) as http:
            for study in studies:
                _wait(partial(self._has_revision, http, study))

    def _has_revision(self, http: httpx.Client, study: Study) -> bool:
        answer = http.get(f"{self._dicomweb}/studies/{study.study_instance_uid}/revisions")
        revisions = answer.json() if answer.status_code == HTTPStatus.OK else []
        return bool(revisions) and revisions[-1]["instances"] == len(study.keys)


def _wait(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise BenchFailed(f"What was stored is not through all stages after {_LONGEST_SECONDS:.0f} s.")
        time.sleep(_LOOK_SECONDS)
