"""The message that sets a delivery off: an event of the bus, perhaps set aside once, or made by a replay."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imaging.errors import Rejected, RejectReason
from imaging.model.delivery import Delivery, Outcome
from imaging.model.events import SOURCE, Event
from imaging.model.identifiers import InstanceKey, StudyKey

_SET_ASIDE = "set_aside"
_REPLAY = "replay"


@dataclass(frozen=True)
class Hint:
    """What may have to be delivered; the manifest says what it is by now.

    Attributes
    ----------
    instance
        None: the hint is about a revision of the study.
    number
        The instance's change number, or the revision.
    message
        As it came.
    sent_back_at
        When the message was sent back from the dead-letter queue: a refusal
        before that is tried again, whichever message met it.
    again_since
        When somebody asked for everything again: what was delivered before that
        is delivered again.
    first
        Of a study, the first revision that is told again.
    """

    study: StudyKey
    number: int
    message: Mapping[str, Any]
    instance: InstanceKey | None = None
    sent_back_at: datetime | None = None
    again_since: datetime | None = None
    first: int = 1

    def standing(self, entry: Delivery | None, number: int) -> Outcome | None:
        """What has been settled of this number, or of one after it: `DELIVERED`, `REFUSED` or nothing."""
        if entry is None or entry.number < number:
            return None
        if self.again_since and entry.at < self.again_since:
            return None
        if entry.outcome is Outcome.REFUSED and self.sent_back_at and entry.at <= self.sent_back_at:
            return None
        return entry.outcome if entry.outcome in (Outcome.DELIVERED, Outcome.REFUSED) else None


def hint_of(message: Mapping[str, Any], sent_at: datetime) -> Hint:
    """Read a message, which came into its queue at `sent_at`.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` if it is none of ours.
    """
    try:
        detail, replay = message["detail"], message.get(_REPLAY, {})
        study = StudyKey(detail["space"], detail["study"])
        instance = (
            InstanceKey.checked(study.space, study.study_instance_uid, detail["series"], detail["instance"])
            if "instance" in detail
            else None
        )
        return Hint(
            study=study,
            number=int(detail["change_number"] if instance else detail["revision"]),
            message=message,
            instance=instance,
            sent_back_at=sent_at if _SET_ASIDE in message else None,
            again_since=_moment(replay.get("again_since")),
            first=int(replay.get("first", 1)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Rejected(
            RejectReason.MALFORMED_REQUEST,
            "The message is no event of this system; only its own rule may put messages into the queue of a binding.",
        ) from error


def message_of(event: Event, *, again_since: datetime | None = None, first: int = 1) -> dict[str, Any]:
    """The message a replay puts into the queue, of the shape that the bus puts there."""
    replay: dict[str, Any] = {"first": first}
    if again_since:
        replay["again_since"] = again_since.isoformat()
    return {"source": SOURCE, "detail-type": event.detail_type, "detail": event.detail, _REPLAY: replay}


def set_aside(message: Mapping[str, Any], reason: str, at: datetime) -> dict[str, Any]:
    """The message as it goes to the dead-letter queue; if it comes back, the refusal is tried again."""
    return {**message, _SET_ASIDE: {"at": at.isoformat(), "reason": reason}}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
