"""A revision as the object and the API show it."""

import gzip
import json
import zlib
from datetime import datetime
from typing import Any

from imaging.model.completion import CompletionReason
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Action
from imaging.model.revision import Changed, Revision, RevisionInstance, RevisionSeries

DOCUMENT_VERSION = 1
_BEFORE_ENTRY = ("version", "space", "study")
_BEHIND_ENTRY = b',"changes":'  # the quotes of a value would be escaped
_GZIP_FORMAT = 31  # as zlib's wbits


def document_of(revision: Revision) -> dict[str, Any]:
    """The entry of the history, the complete hierarchy below it, and what a rebuild needs."""
    return {
        "version": DOCUMENT_VERSION,
        "space": revision.study.space,
        "study": revision.study.study_instance_uid,
        **revision.entry(),
        "changes": revision.changes,
        "change_numbers": {
            _path(change.series_instance_uid, change.sop_instance_uid): change.change_number
            for changes in (revision.additions, revision.modifications, revision.deletions)
            for change in changes
        },
        "attributes": revision.attributes,
        "conflicts": list(revision.conflicts),
        "unreadable": list(revision.unreadable),
        "too_long": list(revision.too_long),
        "partial_dates": revision.partial_dates,
        "hierarchy": [_series_document(series) for series in revision.series],
    }


def _path(series_instance_uid: str, sop_instance_uid: str) -> str:
    return f"{series_instance_uid}/{sop_instance_uid}"


def _series_document(series: RevisionSeries) -> dict[str, Any]:
    return {
        "series": series.series_instance_uid,
        "metadata": series.metadata_key,
        "modality": series.modality,
        "attributes": series.attributes,
        "partial_dates": series.partial_dates,
        "instances": [
            {
                "instance": instance.sop_instance_uid,
                "sop_class": instance.sop_class_uid,
                "transfer_syntax": instance.transfer_syntax_uid,
                "object_version": instance.version_id,
                "size_bytes": instance.size_bytes,
                "data_set_sha256": instance.data_set_digest,
                "change_number": instance.change_number,
                "action": instance.action.value,
                "attributes": instance.attributes,
            }
            for instance in series.instances
        ],
    }


def revision_of(document: dict[str, Any]) -> Revision:
    """Read `document_of` back."""
    numbers = document["change_numbers"]

    def changed(entries: list[dict[str, str]]) -> tuple[Changed, ...]:
        return tuple(
            Changed(entry["series"], entry["instance"], numbers[_path(entry["series"], entry["instance"])])
            for entry in entries
        )

    return Revision(
        study=StudyKey(document["space"], document["study"]),
        number=document["revision"],
        created_at=datetime.fromisoformat(document["created"]),
        changes=document["changes"],
        additions=changed(document["additions"]),
        modifications=changed(document["modifications"]),
        deletions=changed(document["deletions"]),
        attributes=document["attributes"],
        series=tuple(_series_of(series) for series in document["hierarchy"]),
        reason=CompletionReason(document["reason"]),
        conflicts=tuple(document["conflicts"]),
        unreadable=tuple(document["unreadable"]),
        too_long=tuple(document["too_long"]),
        partial_dates=document["partial_dates"],
    )


def _series_of(document: dict[str, Any]) -> RevisionSeries:
    return RevisionSeries(
        series_instance_uid=document["series"],
        metadata_key=document["metadata"],
        modality=document["modality"],
        attributes=document["attributes"],
        partial_dates=document["partial_dates"],
        instances=tuple(
            RevisionInstance(
                sop_instance_uid=instance["instance"],
                sop_class_uid=instance["sop_class"],
                transfer_syntax_uid=instance["transfer_syntax"],
                version_id=instance["object_version"],
                size_bytes=instance["size_bytes"],
                data_set_digest=instance["data_set_sha256"],
                change_number=instance["change_number"],
                action=Action(instance["action"]),
                attributes=instance["attributes"],
            )
            for instance in document["instances"]
        ),
    )


def zipped(revision: Revision) -> bytes:
    """The document as it lies in S3; the same revision always gives the same bytes."""
    return gzip.compress(json.dumps(document_of(revision), separators=(",", ":")).encode(), mtime=0)


def entry_of(beginning: bytes) -> dict[str, Any] | None:
    """The revision's entry in the study's history from the first bytes of `zipped`; None if they are too few."""
    text, found, _ = zlib.decompressobj(wbits=_GZIP_FORMAT).decompress(beginning).partition(_BEHIND_ENTRY)
    if not found:
        return None
    entry: dict[str, Any] = json.loads(text + b"}")
    return {name: value for name, value in entry.items() if name not in _BEFORE_ENTRY}


def unzipped(body: bytes) -> Revision:
    """Read `zipped` back."""
    return revision_of(json.loads(gzip.decompress(body)))
