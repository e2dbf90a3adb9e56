"""The DICOMweb API: one function stores, one reads, one deletes."""

import json

from aws_cdk import CfnOutput, Duration, Environment, Stack
from constructs import Construct

from infra.config import Configuration
from infra.constructs import grants
from infra.constructs.archive import Archive
from infra.constructs.dicomweb_api import DicomwebApi
from infra.constructs.layers import pixel_layer
from infra.constructs.processes import Processes
from infra.dependencies import LayerFolders

# A little less than the 29 seconds that API Gateway waits: the answer is ours then.
_TIMEOUT = Duration.seconds(28)
# A function has one request at a time, and decodes one frame at a time for it.
_PIXEL_WORKER = {"PIXEL_WORKERS": "1", "PIXEL_WORKER_MIB": "1024"}


class ApiStack(Stack):
    """REST API, `store_instance`, `search_retrieve` and `delete_instances`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        archive: Archive,
        *,
        layers: LayerFolders,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        dicomweb = DicomwebApi(self, "Dicomweb", configuration, key=archive.key)
        self.host = dicomweb.host
        gateway = configuration.gateway
        self.public_base_address = (
            configuration.public_base_address
            or (gateway and gateway.domain and f"https://{gateway.domain.name}")
            or (configuration.domain and f"https://{configuration.domain.name}")
            or dicomweb.address
        )
        environment = {
            "SPACES": archive.spaces_setting,
            "PUBLIC_BASE_ADDRESS": self.public_base_address,
            "CORS_ORIGINS": configuration.cors_origins_setting,
        }
        manifest = {"MANIFEST_TABLE": archive.table.table_name, "QUERY_TAGS": configuration.query_tags_setting}
        # Of what is read alone: where studies are opened, and what a reader may be told of the way to FHIR.
        viewer, fhir = configuration.viewer, configuration.fhir
        display = {
            "VIEWER_URL_TEMPLATE": viewer.address_template(self.public_base_address) if viewer else "",
            "VIEWER_EMBEDDED_IN": json.dumps(viewer.embedded_in if viewer else []),
            "QUIET_SECONDS": str(configuration.quiet_seconds),
            "PUBLISHES_TO_FHIR": "yes" if fhir else "no",
            "FHIR_SEARCH_URL": fhir.base_url if fhir and fhir.authorization == "none" else "",
        }
        processes = Processes(self, "Processes", configuration, key=archive.key, dependencies=layers.common)
        dicomweb.serve(
            store=processes.add(
                "store_instance",
                grants=grants.store_instance(archive),
                environment=environment,
                timeout=_TIMEOUT,
                memory_mib=1024,
            ),
            read=processes.add(
                "search_retrieve",
                grants=grants.search_retrieve(archive),
                environment={**environment, **manifest, **display, **_PIXEL_WORKER},
                timeout=_TIMEOUT,
                memory_mib=2048,  # that of a worker, and as much again for what is read and answered
                layers=[pixel_layer(self, "Pixels", layers.pixels)],
            ),
            delete=processes.add(
                "delete_instances",
                grants=grants.delete_instances(archive),
                environment={**environment, **manifest},
                timeout=_TIMEOUT,
                memory_mib=1024,
            ),
        )
        CfnOutput(self, "ApiUrl", value=dicomweb.address)
        CfnOutput(self, "PublicBaseAddress", value=self.public_base_address)
