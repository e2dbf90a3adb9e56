"""What a revision says of a study, made of its rows."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from imaging.dicom.attributes import instance_level, text
from imaging.model.completion import CompletionReason
from imaging.model.instance import Instance
from imaging.model.revision import Revision, RevisionInstance, RevisionSeries, changes_between
from imaging.model.study import Series, Study
from imaging.pipeline.told_attributes import (
    Told,
    told_of_series,
    told_of_study,
    too_long_of,
    unreadable_of_instances,
)
from imaging.settings import QueryTag

MODALITY = "00080060"


def series_as_counted(revision: Revision, rows: list[Series]) -> list[Series]:
    """The series' rows as the revision counts them, with their consolidated metadata."""
    present = {series.series_instance_uid: series for series in revision.series}
    counted = []
    for row in rows:
        series = present.get(row.series_instance_uid)
        if series is None:
            counted.append(replace(row, instances=0))
        else:
            counted.append(
                replace(
                    row,
                    instances=len(series.instances),
                    metadata_key=series.metadata_key,
                    attributes=series.attributes,
                )
            )
    return counted


def revision_of(
    study: Study,
    rows: list[Instance],
    before: Revision | None,
    now: datetime,
    reason: CompletionReason,
    query_tags: Sequence[QueryTag],
) -> Revision:
    """The revision that follows `before`, of all the study's rows, tombstones included."""
    additions, modifications, deletions = changes_between(before, rows)
    by_series: defaultdict[str, list[Instance]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.key):
        if not row.deleted:
            by_series[row.key.series_instance_uid].append(row)
    present = [row for of_series in by_series.values() for row in of_series]
    of_study = told_of_study(present, query_tags)
    told = {uid: told_of_series(of_series, query_tags) for uid, of_series in by_series.items()}
    unreadable = of_study.unreadable.union(
        unreadable_of_instances(present), *(each.unreadable for each in told.values())
    )
    return Revision(
        study=study.key,
        number=study.revision + 1,
        created_at=now,
        changes=sum(row.change_number for row in rows),
        additions=additions,
        modifications=modifications,
        deletions=deletions,
        attributes=of_study.attributes if present else study.attributes,
        series=tuple(
            _revision_series(uid, told[uid], of_series, query_tags) for uid, of_series in sorted(by_series.items())
        ),
        reason=reason,
        conflicts=of_study.conflicts,
        partial_dates=of_study.partial_dates,
        unreadable=tuple(sorted(unreadable)),
        too_long=tuple(sorted(too_long_of(unreadable, present))),
    )


def _revision_series(
    series_instance_uid: str, told: Told, instances: list[Instance], query_tags: Sequence[QueryTag]
) -> RevisionSeries:
    return RevisionSeries(
        series_instance_uid=series_instance_uid,
        metadata_key=_metadata_key(instances),
        modality=text(told.attributes, MODALITY),
        attributes=told.attributes,
        partial_dates=told.partial_dates,
        instances=tuple(
            RevisionInstance(
                sop_instance_uid=instance.key.sop_instance_uid,
                sop_class_uid=instance.sop_class_uid,
                transfer_syntax_uid=instance.arrival.transfer_syntax_uid,
                version_id=instance.version_id,
                size_bytes=instance.size_bytes,
                data_set_digest=instance.arrival.data_set_digest,
                change_number=instance.change_number,
                action=instance.action,
                attributes=instance_level(instance.attributes, query_tags),
            )
            for instance in instances
        ),
    )


def _metadata_key(instances: list[Instance]) -> str:
    """Named by what it holds: a series that did not change keeps its object from revision to revision."""
    versions = json.dumps([[instance.key.sop_instance_uid, instance.version_id] for instance in instances])
    digest = hashlib.sha256(versions.encode()).hexdigest()[:32]
    key = instances[0].key
    return f"{key.study.prefix}series/{key.series_instance_uid}/metadata/{digest}.json.gz"
