"""How each instance ended, as revisions tell it and, where none looked, its object versions and delete markers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Instance
from imaging.model.revision import Revision
from imaging.ports.objects import ListedVersion


@dataclass(frozen=True)
class Ending:
    """What a row of an instance says.

    Attributes
    ----------
    number
        0: there is no row of this version any more, only its metadata.
    told
        What the last revision that has the instance tells of it.
    else_version_ids
        If nothing can be read of the version, and no revision tells of the
        instance, the first of these of which something can.
    """

    version_id: str
    number: int = 0
    action: Action = Action.DELETE
    told: Instance | None = None
    else_version_ids: tuple[str, ...] = ()


def endings_of(revision: Revision, before: Mapping[InstanceKey, Ending]) -> Iterator[tuple[InstanceKey, Ending]]:
    """How the instances stood that a revision names."""
    for deleted in revision.deletions:
        key = revision.key_of(deleted.series_instance_uid, deleted.sop_instance_uid)
        yield key, replace(before[key], number=deleted.change_number, action=Action.DELETE)
    for series in revision.series:
        for instance in series.instances:
            told = revision.row_of(series, instance)
            yield told.key, Ending(told.version_id, told.change_number, told.action, told)


def counted_on(ending: Ending, versions: Sequence[ListedVersion]) -> Ending:
    """The ending that a revision knows, or none, with the changes counted that it does not know.

    What is there stays what the revision has: its study is counted by it. The
    latest version is left to be indexed, which counts it if it is a change.
    """
    latest, *before = versions
    if latest.version_id == ending.version_id:
        return ending
    unseen = changes_after(before, since=ending.version_id)
    if ending.action is not Action.DELETE:
        # The latest counts too: if its bytes are those of the revision, indexing it counts nothing.
        return replace(ending, number=ending.number + unseen + (unseen > 0 and not latest.is_delete_marker))
    if latest.is_delete_marker:
        unseen = changes_after(versions, since=ending.version_id)
    puts = [version.version_id for version in before if not version.is_delete_marker]
    return replace(
        ending,
        version_id=puts[0] if puts else ending.version_id,
        number=max(ending.number, (ending.told.change_number if ending.told else 0) + unseen),
        else_version_ids=tuple(puts[1:]),
    )


def changes_after(versions: Sequence[ListedVersion], since: str = "") -> int:
    """How many changes of an instance there were at most.

    Every put counts, and as many deletions as there could be something to
    delete. What came quicker than indexing may have been told as one change,
    and the same bytes again as none; here they count, for whoever goes on from
    here must give no number out again. Times decide as little as can be: S3
    tells them to the second, and of a multipart upload when it began.

    Parameters
    ----------
    versions
        Of one key, the latest first.
    since
        The version that was there when counting begins; empty if none was. If
        it is not among the versions, all of them count.
    """
    puts = [version for version in versions if not version.is_delete_marker]
    markers = [version for version in versions if version.is_delete_marker]
    for place, put in enumerate(puts):
        if put.version_id == since:
            puts = puts[:place]
            markers = [marker for marker in markers if marker.last_modified >= put.last_modified]
            break
    return len(puts) + min(len(markers), len(puts) + bool(since))


def earlier_versions(versions: Iterable[ListedVersion], ending: Ending) -> Iterator[Ending]:
    """Versions of which only the metadata comes back; the latest is indexed again if it is not the ending."""
    for version in versions:
        if not (version.is_delete_marker or version.is_latest or version.version_id == ending.version_id):
            yield Ending(version.version_id)
