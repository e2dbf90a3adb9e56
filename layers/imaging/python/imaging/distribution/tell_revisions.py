"""Tell the revisions of a study, each and in order, whatever order their messages come in."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache

from imaging.distribution.binding_filter import asks_of_instances, facts_in, fits_any
from imaging.distribution.entries import Entries, tries_after
from imaging.distribution.hint import Hint, message_of
from imaging.errors import Rejected, Unavailable
from imaging.model.binding import BindingFilter
from imaging.model.delivery import Delivered, Delivery, Outcome, Result
from imaging.model.events import Event, study_revised
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.ports.catalogue import RevisionSource
from imaging.ports.delivery import NoticeTarget
from imaging.ports.manifest import CommittedRevision, StudyFence

DoesFit = Callable[[CommittedRevision], bool]


class RevisionFilter:
    """Whether a revision is what a binding is about: an instance fits in it, or did in the one before.

    So who was told of a study hears too when it is gone. A study's revisions are
    looked at one after the other: each of them is read once.
    """

    def __init__(self, wanted: BindingFilter, fence: StudyFence, revisions: RevisionSource) -> None:
        self._wanted = wanted
        self._fence = fence
        self._revisions = revisions

    def of_study(self, study: StudyKey) -> DoesFit:
        """Looks at the instances, if the filter asks for anything of them."""
        if not asks_of_instances(self._wanted):
            return lambda revision: True
        senders = cache(lambda: self._senders(study))
        is_in: dict[int, bool] = {}

        def does_fit(revision: CommittedRevision) -> bool:
            before = revision.number - 1
            if before not in is_in:
                committed = self._fence.read_revision(study, before) if before else None
                is_in[before] = bool(committed and self._is_in(committed, senders()))
            is_in[revision.number] = self._is_in(revision, senders())
            return is_in[revision.number] or is_in[before]

        return does_fit

    def _is_in(self, committed: CommittedRevision, senders: Mapping[tuple[str, str], str]) -> bool:
        revision = self._revisions.read_committed(committed)
        if revision is None:
            raise Unavailable("A revision of the study is not in its place yet.")
        return fits_any(self._wanted, facts_in(revision, senders))

    def _senders(self, study: StudyKey) -> dict[tuple[str, str], str]:
        """Who sent which instance last; a deleted one's row knows it still."""
        if not self._wanted.calling_ae_title:
            return {}
        return {
            (row.key.series_instance_uid, row.key.sop_instance_uid): row.arrival.calling_ae_title
            for row in self._fence.read_instances(study)
        }


class TellRevisions:
    """One process at a time for a study, under its lease; it goes on behind what was told last."""

    def __init__(
        self, fence: StudyFence, of_binding: RevisionFilter, entries: Entries, target: NoticeTarget, links: Links
    ) -> None:
        self._fence = fence
        self._of_binding = of_binding
        self._entries = entries
        self._target = target
        self._links = links

    def __call__(self, hint: Hint, deadline: datetime) -> Delivered:
        """Tell every revision up to the message's that was not told yet.

        Raises
        ------
        Unavailable
            The target does not answer, or another process has the study; what
            comes after waits, so that the order stays.
        """
        with self._entries.study_held(hint.study, deadline) as progress:
            seen = self._entries.ledger.read_revisions(self._entries.binding, hint.study)
            does_fit = self._of_binding.of_study(hint.study)
            sent, refusals = 0, []
            for place, number in enumerate(_candidates(hint, progress.told, seen)):
                if place and self._entries.clock() >= deadline:
                    return Delivered(Result.UNFINISHED, sent)
                entry = seen.get(number)
                if not hint.standing(entry, number):
                    told = self._tell(hint.study, number, entry, does_fit)
                    sent += bool(told and told.outcome is Outcome.DELIVERED)
                    refusals += [told.reason] if told and told.outcome is Outcome.REFUSED else []
                progress.told = max(progress.told, number)
            if refusals:
                return Delivered(Result.REFUSED, sent, refusals[-1])
            return Delivered(Result.DELIVERED if sent else Result.NOTHING_LEFT, sent)

    def _tell(self, study: StudyKey, number: int, entry: Delivery | None, does_fit: DoesFit) -> Delivery | None:
        """Tell one revision and write it down; None if it is not what the binding is about."""
        revision = self._fence.read_revision(study, number)
        if revision is None:
            raise Unavailable("The manifest does not have that revision of the study; it may be being rebuilt.")
        if not does_fit(revision):
            return None
        event = self._event(revision)
        try:
            self._target.tell(event)
        except Rejected as refusal:
            at = self._entries.refused_at(message_of(event), str(refusal))
            return self._note(study, number, entry, Outcome.REFUSED, str(refusal), at)
        except Unavailable as failure:
            self._note(study, number, entry, Outcome.RETRYING, str(failure))
            raise
        return self._note(study, number, entry, Outcome.DELIVERED)

    def _note(
        self,
        study: StudyKey,
        number: int,
        entry: Delivery | None,
        outcome: Outcome,
        reason: str = "",
        at: datetime | None = None,
    ) -> Delivery:
        binding, at = self._entries.binding, at or self._entries.clock()
        noted = Delivery(binding, study, number, outcome, at, tries_after(entry, number), reason)
        self._entries.ledger.swap(entry, noted)
        return noted

    def _event(self, revision: CommittedRevision) -> Event:
        href = self._links.revision(revision.study, revision.number)
        return study_revised(revision.study, revision.number, revision.counts, revision.reason, href)


def _candidates(hint: Hint, told: int, seen: Mapping[int, Delivery]) -> list[int]:
    """Which revisions this message is about: those not told, its own, and what somebody asked for again."""
    numbers = set(range(told + 1, hint.number + 1)) | ({hint.number} & seen.keys())
    if hint.again_since:
        numbers |= set(range(hint.first, hint.number + 1))
    if hint.sent_back_at:
        numbers |= {
            number for number, entry in seen.items() if entry.outcome is Outcome.REFUSED and number <= hint.number
        }
    return sorted(numbers)
