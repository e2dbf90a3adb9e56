"""Deliver what one message of a binding's queue is about."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from imaging.distribution.binding_filter import fits_space
from imaging.distribution.entries import SetAside
from imaging.distribution.hint import Hint, hint_of
from imaging.errors import Rejected
from imaging.model.binding import Binding, Occasion
from imaging.model.delivery import Delivered, Result
from imaging.model.identifiers import InstanceKey

OfInstance = Callable[[Hint, InstanceKey, datetime], Delivered]
OfStudy = Callable[[Hint, datetime], Delivered]


class Deliver:
    """Hands the message on to what the binding is set off by.

    Parameters
    ----------
    set_aside
        For messages that make no sense; `Entries` has it for what a target refuses.
    of_instance
        `DeliverInstance`, of a binding on instances.
    of_study
        `DeliverStudy` or `TellRevisions`, of a binding on studies.
    """

    def __init__(
        self,
        binding: Binding,
        set_aside: SetAside,
        *,
        of_instance: OfInstance | None = None,
        of_study: OfStudy | None = None,
    ) -> None:
        self._binding = binding
        self._set_aside = set_aside
        self._of_instance = of_instance
        self._of_study = of_study

    def __call__(self, message: Mapping[str, Any], sent_at: datetime, deadline: datetime) -> Delivered:
        """Deliver; a message may come twice, late and out of order.

        Parameters
        ----------
        message
            An event as the bus puts it into the queue.
        sent_at
            When it came into the queue, perhaps back from the dead letters.
        deadline
            Nothing is begun after it; nobody else begins the same before it.

        Raises
        ------
        Unavailable
            The target or the dead-letter queue does not answer, or another process is at work: the message is put off.
        """
        try:
            hint = hint_of(message, sent_at)
        except Rejected as refusal:
            self._set_aside(message, str(refusal))
            return Delivered(Result.REFUSED, reason=str(refusal))
        if not fits_space(self._binding.filter, hint.study.space):
            return Delivered(Result.NOTHING_LEFT)
        if self._binding.on is Occasion.INSTANCE and hint.instance and self._of_instance:
            return self._of_instance(hint, hint.instance, deadline)
        if self._binding.on is Occasion.STUDY and not hint.instance and self._of_study:
            return self._of_study(hint, deadline)
        return Delivered(Result.NOTHING_LEFT)
