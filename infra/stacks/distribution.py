"""Distribution: what goes where by itself, and what subscribers are told of the events."""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Environment, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from infra.binding_config import BindingConfiguration
from infra.config import Configuration
from infra.constructs.archive import Archive
from infra.constructs.binding_queue import BindingQueue
from infra.constructs.delivery_grants import deliver
from infra.constructs.dimse_deliveries import DimseDeliveries
from infra.constructs.dimse_network import DimseNetwork
from infra.constructs.event_schemas import EventSchemas
from infra.constructs.processes import Processes
from infra.constructs.work_queue import WorkQueue
from infra.constructs.worker import work_off

Queues = Sequence[tuple[BindingConfiguration, WorkQueue]]

_BATCH = 5


class DistributionStack(Stack):
    """The event schemas; for each binding a rule, a queue and `deliver`, or `deliver_dimse` for all DIMSE nodes.

    Parameters
    ----------
    network
        Of the DIMSE endpoint; None only where no binding leads to a DIMSE node.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        archive: Archive,
        *,
        event_bus: events.IEventBus,
        network: DimseNetwork | None,
        public_base_address: str,
        dependencies: Path,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        self._configuration = configuration
        self._archive = archive
        self._environment = {
            "SPACES": archive.spaces_setting,
            "MANIFEST_TABLE": archive.table.table_name,
            "PUBLIC_BASE_ADDRESS": public_base_address,
        }
        EventSchemas(self, "EventSchemas")
        queues = [
            (binding, BindingQueue(self, binding.name, binding, event_bus=event_bus, alarms=archive.alarms).work)
            for binding in configuration.bindings
        ]
        to_nodes = [(binding, work) for binding, work in queues if binding.target.kind == "dimse"]
        to_others = [(binding, work) for binding, work in queues if binding.target.kind != "dimse"]
        if to_others:
            self._deliver(to_others, dependencies)
        if to_nodes and network:
            self._deliver_to_nodes(to_nodes, network)

    def _deliver(self, queues: Queues, dependencies: Path) -> None:
        processes = Processes(self, "Processes", self._configuration, key=self._archive.key, dependencies=dependencies)
        for binding, work in queues:
            function = processes.add(
                "deliver",
                apart=binding.name,
                grants=deliver(self._archive, binding, work),
                environment={
                    **self._environment,
                    "BINDING": binding.setting,
                    "QUEUE_URL": work.queue.queue_url,
                    "DEAD_LETTER_QUEUE_URL": work.dead_letters.queue.queue_url,
                },
                timeout=work.worker_timeout,
                memory_mib=1024,
            )
            # A study may take all the time there is.
            batch_size = 1 if binding.on == "study" else _BATCH
            work_off(function, work, batch_size=batch_size, concurrency=binding.concurrency)

    def _deliver_to_nodes(self, queues: Queues, network: DimseNetwork) -> None:
        bindings = [
            {
                **binding.document,
                "queue_url": work.queue.queue_url,
                "dead_letter_queue_url": work.dead_letters.queue.queue_url,
            }
            for binding, work in queues
        ]
        DimseDeliveries(
            self,
            "DimseDeliveries",
            self._configuration,
            [binding for binding, _ in queues],
            network=network,
            grants=[statement for binding, work in queues for statement in deliver(self._archive, binding, work)],
            environment={**self._environment, "BINDINGS": self.to_json_string(bindings)},
            key=self._archive.key,
        )
