"""Send the instances of a study's latest revision that the binding has not delivered in that very version."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime

from imaging.distribution.entries import Entries, tries_after
from imaging.distribution.hint import Hint
from imaging.distribution.study_work import ReadStudyWork, StudyWork
from imaging.errors import Unavailable
from imaging.model.delivery import Delivered, Delivery, Outcome, Result
from imaging.model.identifiers import InstanceKey
from imaging.ports.delivery import InstanceTarget, Sent

_FAILURES_IN_A_ROW = 2
"""After so many the target is taken to fail at everything."""


class DeliverStudy:
    """One process at a time for a study, under its lease.

    A large study goes in slices: each answer of the target is written down at
    once, so the next try, or the next message, goes on behind it.
    """

    def __init__(self, read_work: ReadStudyWork, entries: Entries, target: InstanceTarget) -> None:
        self._read_work = read_work
        self._entries = entries
        self._target = target

    def __call__(self, hint: Hint, deadline: datetime) -> Delivered:
        """Deliver as much as there is time for.

        Raises
        ------
        Unavailable
            The target does not answer, or another process has the study.
        """
        with self._entries.study_held(hint.study, deadline):
            latest = self._read_work.latest(hint.study, hint.number)
            ledger, binding = self._entries.ledger, self._entries.binding
            seen = ledger.read_revisions(binding, hint.study)
            if hint.standing(seen.get(latest), latest):
                self._supersede(hint, latest, seen)
                return Delivered(Result.NOTHING_LEFT)
            done = ledger.read_instances(binding, hint.study)
            work = self._read_work(hint, latest, done)
            for entry in work.obsolete:
                self._entries.supersede(entry)
            if not work.is_due:
                for entry in seen.values():
                    self._entries.supersede(entry)
                return Delivered(Result.NOTHING_LEFT)
            delivered = self._deliver(hint, latest, seen.get(latest), work, done, deadline)
            if delivered.result is not Result.UNFINISHED:
                self._supersede(hint, latest, seen)
            return delivered

    def _deliver(
        self,
        hint: Hint,
        latest: int,
        entry: Delivery | None,
        work: StudyWork,
        done: Mapping[InstanceKey, Delivery],
        deadline: datetime,
    ) -> Delivered:
        def note(outcome: Outcome, reason: str = "", at: datetime | None = None) -> None:
            tries, at = tries_after(entry, latest), at or self._entries.clock()
            noted = Delivery(self._entries.binding, hint.study, latest, outcome, at, tries, reason)
            self._entries.ledger.swap(entry, noted)

        in_all = len(work.wanted)
        try:
            is_finished = self._send(work, done, deadline)
        except Unavailable as failure:
            note(Outcome.RETRYING, str(failure))
            raise
        if not is_finished:
            note(Outcome.RETRYING, f"{work.sent} of {in_all} instances went in the time there was; it goes on.")
            return Delivered(Result.UNFINISHED, work.sent)
        if work.refusals:
            of_them = f"{len(work.refusals)} of the study's instances"
            reason = f"The target refuses {of_them}, the first because: {work.refusals[0]}"
            note(Outcome.REFUSED, reason, self._entries.refused_at(hint.message, reason))
            return Delivered(Result.REFUSED, work.sent, reason)
        note(Outcome.DELIVERED)
        return Delivered(Result.DELIVERED, work.sent)

    def _send(self, work: StudyWork, done: Mapping[InstanceKey, Delivery], deadline: datetime) -> bool:
        """Send what is wanted; False if time ran out before the end."""
        left, failed_in_a_row = len(work.wanted), 0
        if left == 0:
            return True
        with closing(self._target.send(work.wanted)) as answers:
            for answer in answers:
                self._write_down(work, answer, done.get(answer.instance.key))
                left -= 1
                failed_in_a_row = failed_in_a_row + 1 if answer.later else 0
                if failed_in_a_row == _FAILURES_IN_A_ROW:
                    break
                if left and self._entries.clock() >= deadline:
                    return False
        if work.later:
            raise _unavailable(work.later)
        if left:
            raise Unavailable("The target did not answer for all instances of the study.")
        return True

    def _write_down(self, work: StudyWork, answer: Sent, before: Delivery | None) -> None:
        outcome, reason = Outcome.DELIVERED, ""
        if answer.refusal:
            outcome, reason = Outcome.REFUSED, str(answer.refusal)
            work.refusals.append(reason)
        elif answer.later:
            outcome, reason = Outcome.RETRYING, str(answer.later)
            work.later.append(answer)
        else:
            work.sent += 1
        row = answer.instance
        tries = tries_after(before, row.change_number)
        now = self._entries.clock()
        settled = Delivery(self._entries.binding, row.key, row.change_number, outcome, now, tries, reason)
        self._entries.settle_instance(before, settled)

    def _supersede(self, hint: Hint, latest: int, seen: Mapping[int, Delivery]) -> None:
        """Close the entries of earlier revisions, that of the message included."""
        for number, entry in seen.items():
            if number < latest:
                self._entries.supersede(entry)
        if hint.number < latest and hint.number not in seen:
            now = self._entries.clock()
            closed = Delivery(self._entries.binding, hint.study, hint.number, Outcome.SUPERSEDED, now, 0)
            self._entries.ledger.swap(None, closed)


def _unavailable(later: Sequence[Sent]) -> Unavailable:
    """Names the first of them, so that a human can look at it."""
    uid = later[0].instance.key.sop_instance_uid
    wait_seconds = max(sent.later.wait_seconds for sent in later if sent.later)
    return Unavailable(
        f"{len(later)} of the study's instances could not be sent now, the first, {uid}, because: {later[0].later}",
        wait_seconds=wait_seconds,
    )
