"""A process that keeps connections open: a folder below `functions/`, as a Fargate service."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge, acknowledge_wildcards
from infra.constructs.encrypted_logs import EncryptedLogs
from infra.constructs.grants import Grants
from infra.constructs.layers import CACHES
from infra.constructs.statements import WILDCARDS
from infra.dependencies import ROOT
from infra.fargate_config import INCLUDED_SPOOL_GIB

STOP_TIMEOUT = Duration.seconds(120)
"""A task that is to stop lets what it has begun end; Fargate grants two minutes at most."""

_LOGS = "Logs"


def fargate_task(
    scope: Construct,
    process: str,
    configuration: Configuration,
    *,
    cpu: int,
    memory_mib: int,
    ports: Sequence[int],
    grants: Grants,
    environment: Mapping[str, str],
    key: kms.IKey,
    spool_gib: int = INCLUDED_SPOOL_GIB,
) -> ecs.FargateTaskDefinition:
    """Make ``functions/<process>`` a task that may do what `grants` say and no more.

    Parameters
    ----------
    ports
        That it listens at.
    spool_gib
        Of the disk that is mounted as ``/tmp``.
    """
    task = ecs.FargateTaskDefinition(
        scope,
        "Task",
        cpu=cpu,
        memory_limit_mib=memory_mib,
        ephemeral_storage_gib=spool_gib if spool_gib > INCLUDED_SPOOL_GIB else None,
        runtime_platform=ecs.RuntimePlatform(
            cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
        ),
        volumes=[ecs.Volume(name="spool")],
    )
    for statement in grants:
        task.add_to_task_role_policy(statement)
    container = task.add_container(
        process.capitalize(),
        image=ecs.ContainerImage.from_asset(
            str(ROOT),
            file=f"functions/{process}/Dockerfile",
            platform=ecr_assets.Platform.LINUX_ARM64,
            exclude=["*", "!functions/__init__.py", f"!functions/{process}", "!layers", *CACHES],
        ),
        environment={
            **environment,
            "POWERTOOLS_SERVICE_NAME": process,
            "POWERTOOLS_METRICS_NAMESPACE": "ImagingIngestion",
            # Every AWS call names the process that made it.
            "AWS_SDK_UA_APP_ID": f"imaging-{process}",
        },
        logging=ecs.LogDrivers.aws_logs(
            stream_prefix=process, log_group=EncryptedLogs(scope, _LOGS, configuration, key=key)
        ),
        port_mappings=[ecs.PortMapping(container_port=port) for port in ports],
        stop_timeout=STOP_TIMEOUT,
        readonly_root_filesystem=True,
    )
    container.add_mount_points(ecs.MountPoint(container_path="/tmp", source_volume="spool", read_only=False))
    acknowledge_wildcards(task.task_role, grants, WILDCARDS)
    acknowledge(task, "ECS2", "The environment names buckets, tables and ports; there is no secret among the settings.")
    acknowledge(task.obtain_execution_role(), "IAM5[Resource::*]", "ecr:GetAuthorizationToken has no resource to name.")
    return task


def logs_of(scope: Construct) -> EncryptedLogs:
    """Where the only task that is made in this scope writes its log."""
    logs = scope.node.find_child(_LOGS)
    assert isinstance(logs, EncryptedLogs)
    return logs


def fargate_service(
    scope: Construct,
    task: ecs.FargateTaskDefinition,
    *,
    vpc: ec2.IVpc,
    subnets: ec2.SubnetSelection,
    groups: Sequence[ec2.ISecurityGroup],
    tasks: int | None,
) -> ecs.FargateService:
    """Keep tasks running, in a cluster of their own; a new version replaces the old one only if it comes up.

    Parameters
    ----------
    tasks
        How many; None where their load decides.
    """
    cluster = ecs.Cluster(scope, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED)
    return ecs.FargateService(
        scope,
        "Service",
        cluster=cluster,
        task_definition=task,
        desired_count=tasks,
        min_healthy_percent=100,
        max_healthy_percent=200,
        circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
        vpc_subnets=subnets,
        security_groups=list(groups),
        assign_public_ip=False,
        propagate_tags=ecs.PropagatedTagSource.SERVICE,
    )
