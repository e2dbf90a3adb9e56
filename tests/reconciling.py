"""`reconcile` on a real manifest and any bucket."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from imaging.aws.dynamodb_deletions import DynamoDbStudyDeletions
from imaging.aws.dynamodb_fence import DynamoDbStudyFence
from imaging.aws.dynamodb_passes import DynamoDbReconcilePasses
from imaging.aws.dynamodb_restoration import DynamoDbStudyRestoration
from imaging.aws.dynamodb_survey import DynamoDbManifestSurvey
from imaging.aws.dynamodb_table import ManifestTable
from imaging.pipeline.index_instance import IndexInstance
from imaging.pipeline.large_deletion import LargeDeletions
from imaging.pipeline.orphans import Orphans
from imaging.pipeline.reconcile import Reconcile
from imaging.pipeline.reconcile_study import ReconcileStudy
from imaging.pipeline.restore_study import RestoreStudy
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.settings import QueryTag


def reconciling(
    objects: Any,
    table: ManifestTable,
    index: IndexInstance,
    clock: Callable[[], datetime],
    query_tags: Sequence[QueryTag] = (),
    **limits: Any,
) -> Reconcile:
    """As `imaging.bootstrap.reconcile` composes it; a study that cannot be reconciled fails the test."""
    archive, survey = RevisionArchive(objects), DynamoDbManifestSurvey(table)
    orphans = Orphans(objects, objects, archive, DynamoDbStudyFence(table), clock)
    study = ReconcileStudy(
        survey,
        index,
        RestoreStudy(objects, archive, DynamoDbStudyRestoration(table, query_tags), query_tags),
        orphans,
        LargeDeletions(objects),
        DynamoDbStudyDeletions(table),
        clock,
    )
    return Reconcile(objects, archive, survey, DynamoDbReconcilePasses(table), study, orphans, clock, fail, **limits)


def fail(message: str, /, *, extra: Mapping[str, object]) -> None:
    """In place of a logger."""
    raise AssertionError(message, extra)
