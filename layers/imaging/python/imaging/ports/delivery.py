"""Where bindings lead: nodes that take instances, and subscribers that are told events."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from imaging.errors import Rejected, Unavailable
from imaging.model.events import Event
from imaging.model.instance import Instance


@dataclass(frozen=True)
class Sent:
    """What a target answered for one instance.

    Attributes
    ----------
    failure
        Why the target refuses it for good (`Rejected`) or cannot be sent it now
        (`Unavailable`), in a sentence without any attribute of a patient; None:
        the instance is durable there.
    """

    instance: Instance
    failure: Rejected | Unavailable | None = None

    @property
    def refusal(self) -> Rejected | None:
        """Why nobody tries again unasked."""
        return self.failure if isinstance(self.failure, Rejected) else None

    @property
    def later(self) -> Unavailable | None:
        """Why it is to be tried again; the target may take others meanwhile."""
        return self.failure if isinstance(self.failure, Unavailable) else None


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
            time left, or heard of failures enough, closes the generator, and
            what it was not told of may have arrived or not.

        Raises
        ------
        Unavailable
            The target takes nothing at all now: it cannot be reached, does not
            let us or asks to wait; what was yielded before stands.
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
