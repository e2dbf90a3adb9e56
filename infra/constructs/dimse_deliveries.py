"""What delivers to DIMSE nodes: one Fargate service for all bindings that lead to one."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.binding_config import BindingConfiguration
from infra.config import Configuration
from infra.constructs.dimse_network import DimseNetwork
from infra.constructs.dimse_nodes import way_to_nodes
from infra.constructs.fargate_process import fargate_service, fargate_task
from infra.constructs.grants import Grants


class DimseDeliveries(Construct):
    """`functions/deliver_dimse` in the network of the DIMSE endpoint, from where nodes are reached.

    A single task: bindings have threads of their own in it, as many as
    `infra.binding_config` lets them have together, and what it does not come to
    waits in their queues.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        bindings: Sequence[BindingConfiguration],
        *,
        network: DimseNetwork,
        grants: Grants,
        environment: Mapping[str, str],
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, name)
        task = fargate_task(
            self,
            "deliver_dimse",
            configuration,
            cpu=512,
            memory_mib=4096,
            ports=[],
            grants=grants,
            environment=environment,
            key=key,
        )
        nodes = way_to_nodes(self, map(_node, bindings), vpc=network.vpc, reason="A binding leads to")
        # The group of the endpoint's own tasks lets these reach the AWS services.
        fargate_service(
            self, task, vpc=network.vpc, subnets=network.task_subnets, groups=[network.tasks, *nodes], tasks=1
        )


def _node(binding: BindingConfiguration) -> tuple[str, int]:
    node = binding.target.settings["dimse"]
    return str(node["host"]), int(node["port"])
