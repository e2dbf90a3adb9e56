"""Deliver an instance, or tell of it: as it is now, whatever change the message was about."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime

from imaging.distribution.binding_filter import facts_of, fits
from imaging.distribution.entries import Entries
from imaging.distribution.hint import Hint
from imaging.errors import Rejected, Unavailable
from imaging.model.binding import Binding
from imaging.model.delivery import Delivered, Delivery, Outcome, Result
from imaging.model.events import instance_changed
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.ports.catalogue import StudyContents
from imaging.ports.delivery import InstanceTarget, NoticeTarget
from imaging.ports.manifest import InstanceIndex

Act = Callable[[Instance], None]


def sending(target: InstanceTarget) -> Act:
    """Send the bytes of an instance."""

    def send(instance: Instance) -> None:
        with closing(target.send([replace(instance, attributes={}, pixel_layout=b"")])) as answers:
            answer = next(answers, None)
        if answer is None:
            raise Unavailable("The target did not answer for the instance.")
        if answer.failure:
            raise answer.failure

    return send


def telling(target: NoticeTarget, links: Links) -> Act:
    """Tell the last change of an instance."""
    return lambda row: target.tell(instance_changed(row.key, row.action, row.change_number, links.instance(row.key)))


class DeliverInstance:
    """Latest wins: of several changes of an instance that wait, the last one is delivered.

    The row is read before the ledger, and the ledger's entry is claimed only as
    it was read; so whoever sends a version knows that no later one was sent
    before.

    Parameters
    ----------
    act
        `sending` or `telling`.
    """

    def __init__(
        self, binding: Binding, index: InstanceIndex, contents: StudyContents, entries: Entries, act: Act
    ) -> None:
        self._binding = binding
        self._index = index
        self._contents = contents
        self._entries = entries
        self._act = act

    def __call__(self, hint: Hint, key: InstanceKey, deadline: datetime) -> Delivered:
        """Deliver what the instance is now, unless that has been settled.

        Raises
        ------
        Unavailable
            The target does not answer, or another process is at work on it.
        """
        row = self._read(key)
        entry = self._entries.ledger.read_instance(self._binding.name, key)
        if row is None or not fits(self._binding.filter, facts_of(row)):
            self._entries.supersede(entry)
            return Delivered(Result.NOTHING_LEFT)
        if hint.standing(entry, row.change_number):
            return Delivered(Result.NOTHING_LEFT)
        return self._try(hint, row, self._entries.claimed(entry, key, row.change_number, deadline))

    def _try(self, hint: Hint, row: Instance, claimed: Delivery) -> Delivered:
        try:
            self._act(row)
        except Rejected as refusal:
            at = self._entries.refused_at(hint.message, str(refusal))
            self._entries.settle_instance(claimed, claimed.settled(Outcome.REFUSED, at, str(refusal)))
            return Delivered(Result.REFUSED, reason=str(refusal))
        except Unavailable as failure:
            self._settle(claimed, Outcome.RETRYING, str(failure))
            raise
        except Exception:
            self._settle(claimed, Outcome.RETRYING, "The delivery failed in a way nobody foresaw; the log names where.")
            raise
        self._settle(claimed, Outcome.DELIVERED)
        return Delivered(Result.DELIVERED, sent=1)

    def _settle(self, claimed: Delivery, outcome: Outcome, reason: str = "") -> None:
        self._entries.settle_instance(claimed, claimed.settled(outcome, self._entries.clock(), reason))

    def _read(self, key: InstanceKey) -> Instance | None:
        """The row; None if there is nothing that the target could be sent."""
        images = self._binding.kind.takes_images
        if images and (visible := self._contents.read_instances_at([key])):
            return visible[0]
        row = self._index.read_instance(key)
        if row is None:
            raise Unavailable("The manifest does not have the instance; it may be being rebuilt.")
        return None if images else row
