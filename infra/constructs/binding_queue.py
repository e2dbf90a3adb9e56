"""The way of events to one binding: a rule on the bus, and a queue of the binding's own."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.binding_config import BindingConfiguration
from infra.constructs.alarms import Alarms
from infra.constructs.work_queue import WorkQueue

WORKER_TIMEOUT = Duration.minutes(15)
"""The longest there is: one instance of 1 GB, to a target that takes 1.2 MB a second."""
_VISIBILITY = Duration.minutes(20)  # longer than a claim, which ends half a minute after the function at the latest
_TRIES = 100


class BindingQueue(Construct):
    """What a binding is told waits here while its target is slow, or away; more than twenty hours with 100 tries."""

    def __init__(
        self, scope: Construct, name: str, binding: BindingConfiguration, *, event_bus: events.IEventBus, alarms: Alarms
    ) -> None:
        super().__init__(scope, name)
        self.work = WorkQueue(
            self,
            "Work",
            alarms,
            worker_timeout=WORKER_TIMEOUT,
            tries=_TRIES,
            visibility=_VISIBILITY,
            queue_name=queue_name(binding),
        )
        events.Rule(
            self,
            "Rule",
            description=f"What the binding {binding.name} is about, as far as an event says it.",
            event_bus=event_bus,
            event_pattern=events.EventPattern(
                source=["imaging"],
                detail_type=list(binding.detail_types),
                detail={"space": list(binding.filter.spaces)},
            ),
            targets=[targets.SqsQueue(self.work.queue, dead_letter_queue=self.work.dead_letters.queue)],
        )


def queue_name(binding: BindingConfiguration) -> str:
    """Of a name, not made up: other stacks speak of the queue without an import that would hold a binding fast."""
    return f"imaging-deliver-{binding.name}"
