"""What happened to an instance while no revision looked, as its object versions and delete markers tell it."""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.ports.objects import ListedVersion


@dataclass(frozen=True)
class CameAndWent:
    """An instance that was stored, perhaps more than once, and deleted.

    Attributes
    ----------
    changes
        How many changes that was. Two that came quicker than indexing may have
        been told as one; here they are two.
    last_version_id
        What was deleted in the end.
    """

    changes: int
    last_version_id: str


def came_and_went(versions: Sequence[ListedVersion], since: str = "") -> CameAndWent | None:
    """Read it from the versions of a key.

    Parameters
    ----------
    versions
        All of them, the latest first.
    since
        A version that was deleted, of which the deletion is known: what came before it, and its end, do not count.

    Returns
    -------
    CameAndWent or None
        None if the instance is there now, or nothing more has happened.
    """
    if not versions or not versions[0].is_delete_marker:
        return None
    puts = [version for version in reversed(versions) if not version.is_delete_marker]
    markers = [version for version in reversed(versions) if version.is_delete_marker]
    changes, present, known = 0, "", not since
    while puts or markers:
        if _is_next(markers, puts, is_present=bool(present)):
            markers.pop(0)
            changes += bool(present and known)
            known = known or present == since
            present = ""
        else:
            present = puts.pop(0).version_id
            changes += known
            last = present
    return CameAndWent(changes, last) if changes else None


def _is_next(markers: Sequence[ListedVersion], puts: Sequence[ListedVersion], *, is_present: bool) -> bool:
    """Whether the first marker came before the first put; S3 tells only the second."""
    if not (markers and puts):
        return bool(markers)
    marked_at, put_at = markers[0].last_modified, puts[0].last_modified
    return is_present if marked_at == put_at else marked_at < put_at
