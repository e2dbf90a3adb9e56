"""DIMSE: what keeps a connection open and so cannot be a function."""

from aws_cdk import CfnOutput, Environment, Fn, Stack
from constructs import Construct

from infra.config import Configuration
from infra.constructs import grants
from infra.constructs.archive import Archive
from infra.constructs.dimse_network import DimseNetwork
from infra.constructs.dimse_service import DimseService
from infra.dimse_config import DimseConfiguration
from infra.stacks.pipeline import FinalizeQueue


class DimseStack(Stack):
    """A network, a load balancer and the Fargate service behind it."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        archive: Archive,
        *,
        dimse: DimseConfiguration,
        finalize_queue: FinalizeQueue,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        network = DimseNetwork(self, "Network", configuration, dimse, key=archive.key)
        self.network = network
        service = DimseService(
            self,
            "Dimse",
            configuration,
            dimse,
            network=network,
            grants=[
                *grants.store_instance(archive),
                *(grants.hint(finalize_queue.arn) if configuration.finishes_on_release else []),
            ],
            environment={
                "SPACES": archive.spaces_setting,
                "FINALIZE_QUEUE_URL": finalize_queue.url,
                "DIMSE_PORT": str(dimse.port),
                "DIMSE_BIND_ADDRESS": "0.0.0.0",
                "DIMSE_MAX_ASSOCIATIONS": str(dimse.max_associations),
                "DIMSE_MAX_OBJECT_BYTES": str(dimse.max_object_bytes),
            },
            key=archive.key,
        )
        CfnOutput(self, "DimseHost", value=service.load_balancer.load_balancer_dns_name)
        network.export(self)

    @property
    def availability_zones(self) -> list[str]:
        """Two of the region, chosen when the stack is deployed: a look-up at synthesis needs credentials."""
        return [Fn.select(zone, Fn.get_azs()) for zone in range(2)]
