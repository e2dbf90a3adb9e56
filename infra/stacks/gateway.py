"""The gateway: what streams bodies of any size, and the one address for it, the API, the viewer and the page."""

from aws_cdk import CfnOutput, Environment, Fn, Stack
from constructs import Construct

from infra.config import Configuration
from infra.constructs import grants
from infra.constructs.archive import Archive
from infra.constructs.distribution import Distribution
from infra.constructs.gateway_network import GatewayNetwork
from infra.constructs.gateway_service import GatewayService
from infra.constructs.site import Site
from infra.gateway_config import GatewayConfiguration
from infra.viewer.folder import ViewerFolder


class GatewayStack(Stack):
    """A network, the Fargate service in it, a bucket of files, and a CloudFront distribution.

    Parameters
    ----------
    viewer
        The viewer's folder; None where none is put into the bucket.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        archive: Archive,
        *,
        gateway: GatewayConfiguration,
        api_host: str,
        public_base_address: str,
        viewer: ViewerFolder | None,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        network = GatewayNetwork(self, "Network", configuration, cidr=gateway.cidr, key=archive.key)
        service = GatewayService(
            self,
            "Gateway",
            configuration,
            gateway,
            network=network,
            grants=grants.gateway(archive),
            environment={
                "SPACES": archive.spaces_setting,
                "PUBLIC_BASE_ADDRESS": public_base_address,
                "MANIFEST_TABLE": archive.table.table_name,
                "QUERY_TAGS": configuration.query_tags_setting,
                "CORS_ORIGINS": configuration.cors_origins_setting,
                "PIXEL_WORKERS": str(gateway.pixel_workers),
                "PIXEL_WORKER_MIB": str(gateway.pixel_worker_mib),
                # Of the C library, which else keeps what each thread has freed: half of this process's memory.
                "MALLOC_ARENA_MAX": "2",
            },
            key=archive.key,
        )
        site = None
        if configuration.viewer:
            site = Site(
                self,
                "Site",
                configuration,
                configuration.viewer,
                folder=viewer,
                public_base_address=public_base_address,
                key=archive.key,
            )
        front = Distribution(
            self, "Front", api_host=api_host, gateway=service.load_balancer, site=site, domain=gateway.domain
        )
        front.node.add_dependency(network.internet)
        CfnOutput(self, "DistributionDomainName", value=front.distribution.distribution_domain_name)

    @property
    def availability_zones(self) -> list[str]:
        """Two of the region, chosen when the stack is deployed: a look-up at synthesis needs credentials."""
        return [Fn.select(zone, Fn.get_azs()) for zone in range(2)]
