"""What a record of the manifest's stream asks to be told."""

from typing import Any

from imaging.aws.rows import Row, instance_key_of, of_item, revision_of_row, study_of_row
from imaging.model.identifiers import InstanceKey
from imaging.model.study import Study, StudyState
from imaging.ports.manifest import CommittedRevision, PendingKind


def read_stream_record(
    old_image: dict[str, Any] | None, new_image: dict[str, Any] | None
) -> InstanceKey | CommittedRevision | Study | None:
    """Read one record's images, in DynamoDB's attribute values.

    Returns
    -------
    InstanceKey, CommittedRevision, Study or None
        An instance or revision that bears its mark; a study whose timer is to be started;
        None for every other record, such as the removal of a mark.
    """
    if not new_image:
        return None
    new = _row(new_image)
    mark = str(new.get("pending", "")).partition("#")[0]
    if mark == PendingKind.ANNOUNCE_CHANGE:
        return instance_key_of(new)  # what it has to tell its row says: the record may be an old one
    if mark == PendingKind.ANNOUNCE_REVISION:
        return revision_of_row(new)
    if mark == PendingKind.FINALIZE and new["state"] == StudyState.OPEN and _asks_for_a_timer(old_image, new):
        return study_of_row(new)
    return None


def _asks_for_a_timer(old_image: dict[str, Any] | None, new: Row) -> bool:
    """Whether the study has just opened, or waits anew, or has as many instances as its sender said."""
    old = _row(old_image) if old_image else {}
    waits_anew = any(old.get(name) != new[name] for name in ("state", "opened_at"))
    return waits_anew or (_is_as_expected(new) and not _is_as_expected(old))


def _is_as_expected(row: Row) -> bool:
    expected: int = row.get("expected_instances", 0)
    instances: int = row.get("instances", 0)
    return 0 < expected <= instances


def _row(image: dict[str, Any]) -> Row:
    """An image as a row, without binary values: Lambda gives them as base64 text, and none is needed here."""
    return of_item({name: value for name, value in image.items() if "B" not in value})
