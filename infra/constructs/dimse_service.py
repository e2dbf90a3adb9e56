"""The DIMSE endpoint: a network load balancer in front of Fargate tasks."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge, acknowledge_wildcards
from infra.constructs.dimse_network import DimseNetwork
from infra.constructs.encrypted_logs import EncryptedLogs
from infra.constructs.grants import Grants
from infra.constructs.layers import CACHES
from infra.constructs.statements import WILDCARDS
from infra.dependencies import ROOT
from infra.dimse_config import DimseConfiguration

# A task that is to stop lets its associations end; Fargate grants two minutes at most.
_STOP_TIMEOUT = Duration.seconds(120)


class DimseService(Construct):
    """`functions/dimse` as a service, reachable from the configured networks alone."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        dimse: DimseConfiguration,
        *,
        network: DimseNetwork,
        grants: Grants,
        environment: Mapping[str, str],
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, name)
        self._dimse = dimse
        self._network = network
        task = self._task(configuration, grants, environment, key)
        cluster = ecs.Cluster(self, "Cluster", vpc=network.vpc, container_insights_v2=ecs.ContainerInsights.ENABLED)
        door = ec2.SecurityGroup(
            self,
            "Door",
            vpc=network.vpc,
            description="Who may connect to the DIMSE endpoint.",
            allow_all_outbound=False,
        )
        for cidr in dimse.peer_cidrs:
            door.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(dimse.port), "A peer's network.")
        network.tasks.connections.allow_from(door, ec2.Port.tcp(dimse.port), "From the load balancer.")
        service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            desired_count=dimse.tasks,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            vpc_subnets=network.task_subnets,
            security_groups=[network.tasks],
            assign_public_ip=False,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        self.load_balancer = self._load_balancer(door, service)

    def _task(
        self, configuration: Configuration, grants: Grants, environment: Mapping[str, str], key: kms.IKey
    ) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=self._dimse.cpu,
            memory_limit_mib=self._dimse.memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
            volumes=[ecs.Volume(name="spool")],
        )
        for statement in grants:
            task.add_to_task_role_policy(statement)
        container = task.add_container(
            "Dimse",
            image=ecs.ContainerImage.from_asset(
                str(ROOT),
                file="functions/dimse/Dockerfile",
                platform=ecr_assets.Platform.LINUX_ARM64,
                exclude=["*", "!functions/__init__.py", "!functions/dimse", "!layers", *CACHES],
            ),
            environment=dict(environment),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="dimse", log_group=EncryptedLogs(self, "Logs", configuration, key=key)
            ),
            port_mappings=[ecs.PortMapping(container_port=self._dimse.port)],
            stop_timeout=_STOP_TIMEOUT,
            readonly_root_filesystem=True,
        )
        container.add_mount_points(ecs.MountPoint(container_path="/tmp", source_volume="spool", read_only=False))
        acknowledge_wildcards(task.task_role, grants, WILDCARDS)
        acknowledge(task, "ECS2", "The environment names buckets and ports; there is no secret among the settings.")
        acknowledge(
            task.obtain_execution_role(), "IAM5[Resource::*]", "ecr:GetAuthorizationToken has no resource to name."
        )
        return task

    def _load_balancer(self, door: ec2.SecurityGroup, service: ecs.FargateService) -> elbv2.NetworkLoadBalancer:
        load_balancer = elbv2.NetworkLoadBalancer(
            self,
            "LoadBalancer",
            vpc=self._network.vpc,
            vpc_subnets=self._network.load_balancer_subnets,
            internet_facing=self._dimse.internet_facing,
            security_groups=[door],
            cross_zone_enabled=True,
            deletion_protection=False,
        )
        acknowledge(load_balancer, "ELB2", "A network load balancer logs TLS connections alone, and DIMSE has none.")
        load_balancer.add_listener("Dimse", port=self._dimse.port, protocol=elbv2.Protocol.TCP).add_targets(
            "Tasks",
            port=self._dimse.port,
            protocol=elbv2.Protocol.TCP,
            targets=[service],
            deregistration_delay=_STOP_TIMEOUT,
            health_check=elbv2.HealthCheck(protocol=elbv2.Protocol.TCP, interval=Duration.seconds(10)),
        )
        return load_balancer
