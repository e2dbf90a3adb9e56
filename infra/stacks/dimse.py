"""DIMSE: what keeps a connection open and so cannot be a function."""

from aws_cdk import CfnOutput, Environment, Fn, Stack
from constructs import Construct

from infra.config import Configuration
from infra.constructs import grants
from infra.constructs.archive import Archive
from infra.constructs.dimse_network import DimseNetwork
from infra.constructs.dimse_service import DimseService
from infra.dimse_config import DimseConfiguration


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
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        service = DimseService(
            self,
            "Dimse",
            configuration,
            dimse,
            network=DimseNetwork(self, "Network", configuration, dimse, key=archive.key),
            grants=grants.store_instance(archive),
            environment={
                "SPACES": archive.spaces_setting,
                "DIMSE_PORT": str(dimse.port),
                "DIMSE_BIND_ADDRESS": "0.0.0.0",
                "DIMSE_MAX_ASSOCIATIONS": str(dimse.max_associations),
                "DIMSE_MAX_OBJECT_BYTES": str(dimse.max_object_bytes),
            },
            key=archive.key,
        )
        CfnOutput(self, "DimseHost", value=service.load_balancer.load_balancer_dns_name)

    @property
    def availability_zones(self) -> list[str]:
        """Two of the region, chosen when the stack is deployed: a look-up at synthesis needs credentials."""
        return [Fn.select(zone, Fn.get_azs()) for zone in range(2)]
