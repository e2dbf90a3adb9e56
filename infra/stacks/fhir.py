"""FHIR: revisions go to an R4 server, HealthLake or another."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import ArnFormat, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_healthlake as healthlake
from constructs import Construct

from infra.config import Configuration
from infra.constructs import grants
from infra.constructs.archive import Archive
from infra.constructs.listed_queue import ListedQueue
from infra.constructs.processes import Processes
from infra.constructs.work_queue import WorkQueue
from infra.constructs.worker import work_off
from infra.fhir_config import FhirConfiguration

# The function puts a study off for longer and longer, an hour and a half in all; what is in the
# dead-letter queue then, the sweep announces again.
_TRIES = 14
# Less than the two minutes that a study is one process's to publish; the process keeps some of it to tell what came.
_TIMEOUT = Duration.seconds(90)


class FhirStack(Stack):
    """The rule on revisions, its queue, `publish_study`, and a HealthLake store if one is asked for."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        archive: Archive,
        *,
        fhir: FhirConfiguration,
        event_bus: events.IEventBus,
        public_base_address: str,
        dependencies: Path,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        base_url, server_grants = self._server(fhir)
        publish_queue = WorkQueue(self, "PublishStudy", archive.alarms, worker_timeout=_TIMEOUT, tries=_TRIES)
        self.queue = ListedQueue.of("publish_study", publish_queue)
        processes = Processes(self, "Processes", configuration, key=archive.key, dependencies=dependencies)
        function = processes.add(
            "publish_study",
            grants=[
                *grants.publish_study(archive, reads_metadata=bool(fhir.policy.get("dose_observations"))),
                *server_grants,
                *grants.work_off(publish_queue.queue),
                *grants.put_off(publish_queue.queue),
            ],
            environment={
                "SPACES": archive.spaces_setting,
                "MANIFEST_TABLE": archive.table.table_name,
                "PUBLIC_BASE_ADDRESS": public_base_address,
                "PUBLISH_QUEUE_URL": publish_queue.queue.queue_url,
                "PUBLISH_TRIES": str(_TRIES),
                "FHIR_BASE_URL": base_url,
                **_fhir_environment(fhir, _published_policy(fhir, configuration, public_base_address)),
            },
            timeout=publish_queue.worker_timeout,
            memory_mib=1024,
        )
        work_off(function, publish_queue, batch_size=1, concurrency=4)
        events.Rule(
            self,
            "RevisionsToFhir",
            description="Every revision of a study is published.",
            event_bus=event_bus,
            event_pattern=events.EventPattern(source=["imaging"], detail_type=["Study Revised", "Study Deleted"]),
            targets=[targets.SqsQueue(publish_queue.queue, dead_letter_queue=publish_queue.dead_letters.queue)],
        )

    def _server(self, fhir: FhirConfiguration) -> tuple[str, grants.Grants]:
        if fhir.base_url:
            return fhir.base_url, grants.read_secrets(*filter(None, [fhir.secret_arn]), kms_key_arn=fhir.kms_key_arn)
        datastore_id = fhir.healthlake_datastore_id or self._datastore().attr_datastore_id
        datastore_arn = self.format_arn(
            service="healthlake",
            resource="datastore",
            resource_name=f"fhir/{datastore_id}",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        address = f"https://healthlake.{self.region}.{self.url_suffix}/datastore/{datastore_id}/r4/"
        return address, grants.use_healthlake(datastore_arn)

    def _datastore(self) -> healthlake.CfnFHIRDatastore:
        datastore = healthlake.CfnFHIRDatastore(
            self, "Datastore", datastore_type_version="R4", datastore_name="imaging-ingestion"
        )
        datastore.apply_removal_policy(RemovalPolicy.RETAIN)
        return datastore


def _published_policy(
    fhir: FhirConfiguration, configuration: Configuration, public_base_address: str
) -> Mapping[str, object]:
    """What is configured; images are displayed by our own viewer, where there is one, unless another is named."""
    if not configuration.viewer:
        return fhir.policy
    # Of each space its own: a study that lies in two is opened from the one whose record leads there.
    return {"invoke_image_display": f"{public_base_address}/spaces/{{space}}/IHEInvokeImageDisplay", **fhir.policy}


def _fhir_environment(fhir: FhirConfiguration, policy: Mapping[str, object]) -> dict[str, str]:
    environment = {"FHIR_AUTHORIZATION": fhir.authorization, "FHIR_POLICY": json.dumps(policy, sort_keys=True)}
    if fhir.token_secret_arn:
        environment["FHIR_TOKEN_SECRET_ARN"] = fhir.token_secret_arn
    if fhir.smart:
        environment |= {
            "FHIR_SMART_CLIENT_ID": fhir.smart.client_id,
            "FHIR_SMART_KEY_SECRET_ARN": fhir.smart.key_secret_arn,
            "FHIR_SMART_TOKEN_URL": fhir.smart.token_url,
            "FHIR_SMART_SCOPE": fhir.smart.scope,
        }
    return environment
