"""Where bindings lead: nodes that take instances, and subscribers that are told events."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from imaging.errors import Rejected
from imaging.model.events import Event
from imaging.model.instance import Instance


@dataclass(frozen=True)
class Sent:
    """What a target answered for one instance.

    Attributes
    ----------
    refusal
        Why the target refuses it for good, in a sentence without any attribute
        of a patient; None: the instance is durable there.
    """

    instance: Instance
    refusal: Rejected | None = None


class InstanceTarget(Protocol):
    """Takes instances, each in the very version that its row names, bytes unchanged."""

    def send(self, instances: Sequence[Instance]) -> Generator[Sent, None, None]:
        """Send them in the order given; what the target has already is sent again without harm.

        Parameters
        ----------
        instances
            Rows without `attributes` and `pixel_layout`: whoever sends bytes
            unchanged needs neither, and a study may have 20,000.

        Yields
        ------
        Sent
            One for each instance, as soon as the target has answered for it. The
            caller writes it down before it asks for the next; one that has no
            time left closes the generator, and what it was not told of may have
            arrived or not.

        Raises
        ------
        Unavailable
            The target does not answer or asks to wait; what was yielded before
            stands.
        """


class NoticeTarget(Protocol):
    """Is told what happened."""

    def tell(self, event: Event) -> None:
        """Hand the event over; it names its repeats by itself.

        Raises
        ------
        Unavailable
            The target does not answer or asks to wait.
        Rejected
            It refuses the event for good.
        """
