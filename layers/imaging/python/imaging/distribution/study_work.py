"""What of a study's latest revision a binding has still to send."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from imaging.distribution.binding_filter import asks_of_instances, facts_of, fits
from imaging.distribution.hint import Hint
from imaging.errors import Unavailable
from imaging.model.binding import BindingFilter
from imaging.model.delivery import Delivery, Outcome
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.revision import Revision
from imaging.ports.catalogue import RevisionSource, StudyContents, StudyHistory
from imaging.ports.delivery import Sent


@dataclass
class StudyWork:
    """Instances to be sent, by Series and SOP Instance UID, and what became of them and of others.

    Attributes
    ----------
    is_due
        Whether anything is left of the revision, and fits the filter.
    refusals
        Why instances of the revision were refused, now or before.
    obsolete
        The ledger's entries of what need not be sent any more.
    later
        What could not be sent now.
    """

    wanted: list[Instance] = field(default_factory=list)
    is_due: bool = False
    refusals: list[str] = field(default_factory=list)
    obsolete: list[Delivery] = field(default_factory=list)
    later: list[Sent] = field(default_factory=list)
    sent: int = 0


class ReadStudyWork:
    """Compares the manifest with the ledger.

    The revision says which instances; the manifest has them as they are now.
    What was deleted since is not sent any more, what was replaced is sent as it
    is, and what was added belongs to the next revision.
    """

    def __init__(
        self, wanted: BindingFilter, history: StudyHistory, revisions: RevisionSource, contents: StudyContents
    ) -> None:
        self._filter = wanted
        self._history = history
        self._revisions = revisions
        self._contents = contents

    def latest(self, study: StudyKey, at_least: int) -> int:
        """The number of the study's latest revision.

        Raises
        ------
        Unavailable
            If it is lower than one that was announced.
        """
        row = self._history.read_study(study)
        if row is None or row.revision < at_least:
            raise Unavailable("The manifest does not have that revision of the study; it may be being rebuilt.")
        return row.revision

    def __call__(self, hint: Hint, number: int, done: Mapping[InstanceKey, Delivery]) -> StudyWork:
        """What is to be sent of revision `number`.

        A study fits, whole, as soon as one of its instances does.
        """
        work, does_fit, is_empty = StudyWork(), not asks_of_instances(self._filter), True
        held, present = _uids(self._revision(hint.study, number)), set()
        for row in self._contents.read_instances(hint.study):
            present.add(row.key)
            if (row.key.series_instance_uid, row.key.sop_instance_uid) not in held:
                continue
            is_empty = False
            does_fit = does_fit or fits(self._filter, facts_of(row))
            entry = done.get(row.key)
            standing = hint.standing(entry, row.change_number)
            if standing is None:
                work.wanted.append(replace(row, attributes={}, pixel_layout=b""))
            elif entry and standing is Outcome.REFUSED:
                work.refusals.append(entry.reason)
        # What failed before goes last, and holds up nothing behind it.
        work.wanted.sort(key=lambda row: row.key in done and done[row.key].outcome is Outcome.RETRYING)
        work.is_due = does_fit and not is_empty
        work.obsolete = [entry for key, entry in done.items() if key not in present or not work.is_due]
        return work

    def _revision(self, study: StudyKey, number: int) -> Revision:
        committed = self._history.read_revision(study, number)
        revision = self._revisions.read_committed(committed) if committed else None
        if revision is None:
            raise Unavailable("The latest revision of the study is not in its place yet.")
        return revision


def _uids(revision: Revision) -> set[tuple[str, str]]:
    return {
        (series.series_instance_uid, one.sop_instance_uid) for series in revision.series for one in series.instances
    }
