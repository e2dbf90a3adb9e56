"""The DIMSE endpoint: a network load balancer in front of Fargate tasks."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge
from infra.constructs.dimse_network import DimseNetwork
from infra.constructs.fargate_process import STOP_TIMEOUT, fargate_service, fargate_task
from infra.constructs.grants import Grants
from infra.dimse_config import DimseConfiguration


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
        task = fargate_task(
            self,
            "dimse",
            configuration,
            cpu=dimse.cpu,
            memory_mib=dimse.memory_mib,
            port=dimse.port,
            grants=grants,
            environment=environment,
            key=key,
        )
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
        service = fargate_service(
            self, task, vpc=network.vpc, subnets=network.task_subnets, groups=[network.tasks], tasks=dimse.tasks
        )
        self.load_balancer = self._load_balancer(door, service)

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
            deregistration_delay=STOP_TIMEOUT,
            health_check=elbv2.HealthCheck(protocol=elbv2.Protocol.TCP, interval=Duration.seconds(10)),
        )
        return load_balancer
