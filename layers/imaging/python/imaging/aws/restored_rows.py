"""The rows that count a study, made of its revisions and its instances' rows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from imaging.aws.rows import Row, packed, series_row_key, study_names, study_row_key, timestamp
from imaging.aws.searchable import Listings, study_search_keys
from imaging.dicom.attributes import series_level
from imaging.model.instance import DicomJson, Instance
from imaging.model.revision import Revision, RevisionSeries
from imaging.model.study import StudyState
from imaging.pipeline.told_attributes import Told, told_of_series, told_of_study
from imaging.settings import QueryTag


@dataclass(frozen=True)
class _LastSeen:
    """A series as the last revision has it that has it, and how many changes it had seen by then."""

    series: RevisionSeries
    changes: int
    created_at: datetime


def series_rows(
    revisions: Sequence[Revision], rows: Iterable[Instance], query_tags: Sequence[QueryTag]
) -> Iterator[Row]:
    """The SERIES rows, those of emptied series included.

    Parameters
    ----------
    revisions
        All of one study, oldest first.
    rows
        Of all its instances, tombstones included.
    """
    of_series: defaultdict[str, list[Instance]] = defaultdict(list)
    for row in rows:
        of_series[row.key.series_instance_uid].append(row)
    last_seen = _last_seen(revisions)
    present = {series.series_instance_uid for series in revisions[-1].series}
    for series_instance_uid, instances in of_series.items():
        changes = sum(instance.change_number for instance in instances)
        series_row: Row = {
            **series_row_key(revisions[-1].study, series_instance_uid),
            **study_names(revisions[-1].study),
            "kind": "SERIES",
            "series_instance_uid": series_instance_uid,
            "changes": changes,
            "instances": sum(not instance.deleted for instance in instances),
        }
        seen = last_seen.get(series_instance_uid)
        is_present = series_instance_uid in present
        passing = [each for each in instances if seen is None or each.arrival.stored_at > seen.created_at]
        if seen:
            further = _further(told_of_series(_present(instances), query_tags), query_tags)
            series_row |= {
                "uid": series_instance_uid if is_present else None,
                "attributes": packed({**further, **seen.series.attributes}),
                "metadata_key": seen.series.metadata_key,
                "metadata_changes": changes if is_present else seen.changes,
            }
        if passing and not is_present:  # they had it for themselves
            newest = max(passing, key=lambda each: (each.arrival.stored_at, each.key))
            series_row["attributes"] = packed(series_level(newest.attributes, query_tags))
        yield series_row


def _last_seen(revisions: Iterable[Revision]) -> dict[str, _LastSeen]:
    numbers: defaultdict[str, dict[str, int]] = defaultdict(dict)
    seen: dict[str, _LastSeen] = {}
    for revision in revisions:
        for deleted in revision.deletions:
            numbers[deleted.series_instance_uid][deleted.sop_instance_uid] = deleted.change_number
        for series in revision.series:
            of_series = numbers[series.series_instance_uid]
            of_series |= {instance.sop_instance_uid: instance.change_number for instance in series.instances}
            seen[series.series_instance_uid] = _LastSeen(series, sum(of_series.values()), revision.created_at)
    return seen


def _present(rows: Iterable[Instance]) -> list[Instance]:
    return [row for row in rows if not row.deleted]


def _further(told: Told, query_tags: Sequence[QueryTag]) -> DicomJson:
    """What a revision does not know that was made before these were indexed."""
    tags = {tag.tag for tag in query_tags}
    return {tag: value for tag, value in told.attributes.items() if tag in tags}


def study_row(last: Revision, instances: Sequence[Instance], query_tags: Sequence[QueryTag]) -> Row:
    """The STUDY row of a study whose last revision that is.

    When it opened and last changed, nobody knows any more: the moment of the
    revision stands for both.
    """
    further = _further(told_of_study(_present(instances), query_tags), query_tags)
    created_at = timestamp(last.created_at)
    return {
        **study_row_key(last.study),
        **study_names(last.study),
        "kind": "STUDY",
        "state": StudyState.FINAL.value,
        "changes": sum(instance.change_number for instance in instances),
        "opened_at": created_at,
        "last_change_at": created_at,
        "revision": last.number,
        "series": len(last.series),
        "instances": last.instances,
        "modalities": set(last.modalities) or None,
        "attributes": packed({**further, **last.attributes}),
        "listings": Listings.of_study(last.attributes, last.modalities).recorded if last.series else "",
        **(study_search_keys(last.attributes) if last.series else {}),
    }
