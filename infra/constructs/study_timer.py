"""The study timer: a state machine that waits until a study has been quiet."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge
from infra.constructs.archive import Archive
from infra.constructs.encrypted_logs import EncryptedLogs

_DEFINITION = Path(__file__).with_name("study_timer.asl.json")


class StudyTimer(Construct):
    """One execution waits for one opening of one study, then sends its key to the finalizer's queue."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        archive: Archive,
        finalize_queue: sqs.Queue,
    ) -> None:
        super().__init__(scope, name)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description="What the study timer may do.",
        )
        role.add_to_policy(iam.PolicyStatement(actions=["dynamodb:GetItem"], resources=[archive.table_arn]))
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[archive.key.key_arn]))
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[finalize_queue.queue_arn]))
        definition = _DEFINITION.read_text("utf-8").replace("arn:aws:", f"arn:{Stack.of(self).partition}:")
        self.state_machine = stepfunctions.StateMachine(
            self,
            "StateMachine",
            role=role,
            state_machine_type=stepfunctions.StateMachineType.STANDARD,
            definition_body=stepfunctions.DefinitionBody.from_string(definition),
            definition_substitutions={
                "ManifestTable": archive.table.table_name,
                "FinalizeQueue": finalize_queue.queue_url,
                "QuietMilliseconds": str(configuration.quiet_seconds * 1000),
            },
            tracing_enabled=True,
            logs=stepfunctions.LogOptions(
                destination=EncryptedLogs(self, "Logs", configuration, key=archive.key),
                level=stepfunctions.LogLevel.ALL,
                include_execution_data=False,
            ),
        )
        acknowledge(
            role,
            "IAM5[Resource::*]",
            "Deliveries of logs and traces have no resource to name; Step Functions asks for these actions on all.",
        )
        archive.alarms.add(
            self,
            "Failed",
            self.state_machine.metric_failed(),
            threshold=0,
            description="A study timer failed; the sweep arms it again, so look only if this stays.",
        )
