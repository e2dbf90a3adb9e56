"""A process: a folder below `functions/`, as a Lambda function with a role and a log group of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge, acknowledge_wildcards
from infra.constructs.encrypted_logs import EncryptedLogs
from infra.constructs.layers import ARCHITECTURE, CACHES, RUNTIME, Layers
from infra.constructs.statements import WILDCARDS
from infra.dependencies import ROOT


class Processes(Construct):
    """Makes the processes of one stack; they share its layers.

    Parameters
    ----------
    key
        Encrypts the logs.
    dependencies
        The folder of the dependency layer.
    """

    def __init__(
        self, scope: Construct, name: str, configuration: Configuration, *, key: kms.IKey, dependencies: Path
    ) -> None:
        super().__init__(scope, name)
        self._configuration = configuration
        self._key = key
        self._layers = Layers(self, "Layers", dependencies=dependencies)

    def add(
        self,
        name: str,
        *,
        grants: Sequence[iam.PolicyStatement],
        environment: Mapping[str, str],
        timeout: Duration,
        memory_mib: int,
        layers: Sequence[lambda_.LayerVersion] = (),
        apart: str = "",
    ) -> lambda_.Function:
        """Make ``functions/<name>`` a function that may do what `grants` say and no more.

        Parameters
        ----------
        layers
            Of this process, beside those that all have.
        apart
            What sets it apart from others of the same folder.
        """
        process = f"{name}-{apart}" if apart else name
        scope = Construct(self, "".join(word.capitalize() for word in name.split("_")) + process[len(name) :])
        log_group = EncryptedLogs(scope, "Logs", self._configuration, key=self._key)
        role = iam.Role(
            scope,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {process} may do.",
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(
                sid="WriteLogs",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[log_group.log_group_arn],
            )
        )
        for statement in grants:
            role.add_to_principal_policy(statement)
        acknowledge_wildcards(role, grants, WILDCARDS)
        acknowledge(
            role,
            "IAM5[Resource::*]",
            "The actions of X-Ray, dynamodb:ListStreams and cloudwatch:GetMetricData have no resource to name.",
        )
        return lambda_.Function(
            scope,
            "Function",
            description=f"{Stack.of(self).stack_name}: {process}",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            code=lambda_.Code.from_asset(str(ROOT / "functions" / name), exclude=CACHES),
            handler="handler.lambda_handler",
            layers=[*self._layers.versions, *layers],
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            timeout=timeout,
            memory_size=memory_mib,
            environment={**environment, **_powertools(process)},
        )


def _powertools(name: str) -> dict[str, str]:
    return {
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_METRICS_NAMESPACE": "ImagingIngestion",
        # A trace would otherwise carry what a handler returns, patients' attributes included.
        "POWERTOOLS_TRACER_CAPTURE_RESPONSE": "false",
        "POWERTOOLS_TRACER_CAPTURE_ERROR": "false",
        # Every AWS call names the process that made it.
        "AWS_SDK_UA_APP_ID": f"imaging-{name}",
    }
