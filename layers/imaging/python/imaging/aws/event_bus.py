"""Events on EventBridge."""

import json
from collections.abc import Sequence

from imaging.aws.clients import client, ours_to_retry
from imaging.errors import Unavailable
from imaging.model.events import SOURCE, Event

_EVENTS_A_CALL = 10


class EventBridgeBus:
    """`imaging.ports.outside.EventBus` on the deployment's bus."""

    def __init__(self, name: str) -> None:
        self._name = name

    def publish(self, events: Sequence[Event]) -> None:
        """Put all of them; raises `Unavailable` if one was not taken."""
        for start in range(0, len(events), _EVENTS_A_CALL):
            entries = [
                {
                    "EventBusName": self._name,
                    "Source": SOURCE,
                    "DetailType": event.detail_type,
                    "Detail": json.dumps(event.detail),
                }
                for event in events[start : start + _EVENTS_A_CALL]
            ]
            with ours_to_retry("taking events"):
                answer = client("events").put_events(Entries=entries)
            if answer["FailedEntryCount"]:
                raise Unavailable("EventBridge did not take all events; all of them are told again.")
