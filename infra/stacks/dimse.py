"""DIMSE: what keeps a connection open and so cannot be a function."""

from aws_cdk import Annotations, CfnOutput, Environment, Fn, Stack
from constructs import Construct

from infra.config import Configuration
from infra.constructs import grants
from infra.constructs.archive import Archive
from infra.constructs.dimse_alarms import DimseAlarms
from infra.constructs.dimse_network import DimseNetwork
from infra.constructs.dimse_service import DimseService
from infra.constructs.fargate_process import STOP_TIMEOUT
from infra.dimse_config import PORT, TLS_PORT, DimseConfiguration
from infra.dimse_peer_config import peers_setting
from infra.stacks.pipeline import FinalizeQueue

_ADMITS_NOBODY = (
    "Nobody may open an association with the DIMSE endpoint yet: name modalities and workstations in "
    "imaging.dimse.peers, or set imaging.dimse.callers to 'any'."
)
_ABORTS_SECONDS = 10
"""What is left of the time to stop for associations that have not ended by then."""


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
                *grants.dimse(archive),
                *(grants.hint(finalize_queue.arn) if configuration.finishes_on_release else []),
                *(grants.read_secrets(*tls.secret_arns, kms_key_arn=tls.kms_key_arn) if (tls := dimse.tls) else []),
            ],
            environment={
                "SPACES": archive.spaces_setting,
                "MANIFEST_TABLE": archive.table.table_name,
                "QUERY_TAGS": configuration.query_tags_setting,
                "FINALIZE_QUEUE_URL": finalize_queue.url,
                **_dimse_environment(dimse),
            },
            key=archive.key,
        )
        DimseAlarms(self, "Alarms", archive.alarms, spaces=[space.name for space in configuration.spaces])
        if dimse.admits_nobody and not configuration.local:
            Annotations.of(self).add_warning_v2("imaging:dimse-admits-nobody", _ADMITS_NOBODY)
        CfnOutput(self, "DimseHost", value=service.load_balancer.load_balancer_dns_name)
        CfnOutput(self, "DimseLogGroup", value=service.log_group.log_group_name)
        network.export(self)

    @property
    def availability_zones(self) -> list[str]:
        """Two of the region, chosen when the stack is deployed: a look-up at synthesis needs credentials."""
        return [Fn.select(zone, Fn.get_azs()) for zone in range(2)]


def _dimse_environment(dimse: DimseConfiguration) -> dict[str, str]:
    environment = {
        "DIMSE_PORT": str(PORT),
        "DIMSE_BIND_ADDRESS": "0.0.0.0",
        "DIMSE_WORKERS": str(dimse.workers),
        "DIMSE_MAX_ASSOCIATIONS": str(dimse.max_associations),
        "DIMSE_MAX_OBJECT_BYTES": str(dimse.max_object_bytes),
        "DIMSE_STOP_SECONDS": str(round(STOP_TIMEOUT.to_seconds()) - _ABORTS_SECONDS),
        "DIMSE_CALLERS": dimse.callers,
        "DIMSE_PEERS": peers_setting(dimse.peers),
        "DIMSE_UNKNOWN_SOP_CLASSES": dimse.unknown_sop_classes,
        # Of each worker.
        "PIXEL_WORKERS": str(dimse.pixel_workers),
        "PIXEL_WORKER_MIB": str(dimse.pixel_worker_mib),
        # Whoever sends gives up after half a minute to a minute: if AWS hangs it shall hear of it before.
        "AWS_READ_TIMEOUT_SECONDS": "6",
        "AWS_MAX_ATTEMPTS": "3",
        # Of the C library, which else keeps what each thread has freed.
        "MALLOC_ARENA_MAX": "2",
    }
    if dimse.tls:
        environment["DIMSE_TLS_PORT"] = str(TLS_PORT)
        environment["DIMSE_TLS_CERTIFICATE_SECRET_ARN"] = dimse.tls.certificate_secret_arn
        if dimse.tls.client_ca_secret_arn:
            environment["DIMSE_TLS_CLIENT_CA_SECRET_ARN"] = dimse.tls.client_ca_secret_arn
    return environment
