"""A subscriber's own event bus, in this account or another."""

from imaging.aws.event_bus import EventBridgeBus
from imaging.model.events import Event


class BusSubscriber:
    """`imaging.ports.delivery.NoticeTarget`: the events as they are on the deployment's own bus."""

    def __init__(self, event_bus_arn: str) -> None:
        self._bus = EventBridgeBus(event_bus_arn)

    def tell(self, event: Event) -> None:
        """Put the event; see the port."""
        self._bus.publish([event])
