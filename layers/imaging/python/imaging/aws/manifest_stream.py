"""What a record of the manifest's stream asks to be told."""

from typing import Any

from imaging.aws.rows import Row, change_of_row, of_item, revision_of_row, study_of_row
from imaging.model.study import Study, StudyState
from imaging.ports.manifest import CommittedRevision, PendingKind, UnannouncedChange


def read_stream_record(
    old_image: dict[str, Any] | None, new_image: dict[str, Any] | None
) -> UnannouncedChange | CommittedRevision | Study | None:
    """Read one record's images, in DynamoDB's attribute values.

    Returns
    -------
    UnannouncedChange, CommittedRevision, Study or None
        A change or revision that bears its mark; a study that has just opened;
        None for every other record, such as the removal of a mark.
    """
    if not new_image:
        return None
    new = _row(new_image)
    mark = str(new.get("pending", "")).partition("#")[0]
    if mark == PendingKind.ANNOUNCE_CHANGE:
        return change_of_row(new)
    if mark == PendingKind.ANNOUNCE_REVISION:
        return revision_of_row(new)
    if mark == PendingKind.FINALIZE and new["state"] == StudyState.OPEN and _was(old_image) != StudyState.OPEN:
        return study_of_row(new)
    return None


def _was(old_image: dict[str, Any] | None) -> str:
    return str(_row(old_image).get("state", "")) if old_image else ""


def _row(image: dict[str, Any]) -> Row:
    """An image as a row, without binary values: Lambda gives them as base64 text, and none is needed here."""
    return of_item({name: value for name, value in image.items() if "B" not in value})
