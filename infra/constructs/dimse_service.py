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
from infra.constructs.dimse_nodes import way_to_nodes
from infra.constructs.fargate_process import fargate_service, fargate_task, logs_of
from infra.constructs.grants import Grants
from infra.constructs.metrics import AVERAGE, ours
from infra.dimse_config import PORT, DimseConfiguration

ASSOCIATIONS_IN_FLIGHT = "AssociationsInFlight"
"""Each task says once a minute how many associations it serves."""
_FULL = 0.7
_LEAVES_AFTER = Duration.minutes(10)
"""A task that is to stop gets no new connection, and keeps those it has for so long before it is told."""


class DimseService(Construct):
    """`functions/dimse` as a service, reachable from the configured networks alone.

    More tasks run when those that do are full of associations, on the average.
    """

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
            ports=dimse.ports,
            grants=grants,
            environment=environment,
            key=key,
            spool_gib=dimse.spool_gib,
        )
        nodes = way_to_nodes(
            self,
            ((peer.host, peer.port) for peer in dimse.peers if peer.listens),
            vpc=network.vpc,
            reason="A peer listens on",
        )
        service = fargate_service(
            self,
            task,
            vpc=network.vpc,
            subnets=network.task_subnets,
            groups=[network.tasks, *nodes],
            tasks=None,
        )
        self._scale(service)
        self.load_balancer = self._load_balancer(service)
        self.log_group = logs_of(self)

    def _scale(self, service: ecs.FargateService) -> None:
        scaling = service.auto_scale_task_count(min_capacity=self._dimse.tasks, max_capacity=self._dimse.max_tasks)
        scaling.scale_to_track_custom_metric(
            "Full",
            metric=ours(ASSOCIATIONS_IN_FLIGHT, None, statistic=AVERAGE, service="dimse"),
            target_value=_FULL * self._dimse.max_associations,
            scale_in_cooldown=_LEAVES_AFTER,
        )

    def _door(self) -> ec2.SecurityGroup:
        door = ec2.SecurityGroup(
            self,
            "Door",
            vpc=self._network.vpc,
            description="Who may connect to the DIMSE endpoint.",
            allow_all_outbound=False,
        )
        for port in self._dimse.offered:
            for cidr in self._dimse.peer_cidrs:
                door.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(port), "A peer's network.")
        for port in self._dimse.ports:
            # By group, not by address: so it holds for connections that keep their client's address, and for
            # health checks. Elastic Load Balancing, Security groups for Network Load Balancers.
            self._network.tasks.connections.allow_from(door, ec2.Port.tcp(port), "From the load balancer.")
        return door

    def _load_balancer(self, service: ecs.FargateService) -> elbv2.NetworkLoadBalancer:
        load_balancer = elbv2.NetworkLoadBalancer(
            self,
            "LoadBalancer",
            vpc=self._network.vpc,
            vpc_subnets=self._network.load_balancer_subnets,
            internet_facing=self._dimse.internet_facing,
            security_groups=[self._door()],
            cross_zone_enabled=True,
            deletion_protection=False,
        )
        acknowledge(
            load_balancer,
            "ELB2",
            "A network load balancer logs TLS listeners alone, and here the tasks end TLS; they log each association.",
        )
        for port, task_port in self._dimse.offered.items():
            self._listen(load_balancer, service, port, task_port)
        return load_balancer

    def _listen(
        self, load_balancer: elbv2.NetworkLoadBalancer, service: ecs.FargateService, port: int, task_port: int
    ) -> None:
        name = "Dimse" if task_port == PORT else "DimseTls"
        container = service.task_definition.default_container
        assert container
        load_balancer.add_listener(name, port=port, protocol=elbv2.Protocol.TCP).add_targets(
            "Tasks",
            port=task_port,
            protocol=elbv2.Protocol.TCP,
            targets=[service.load_balancer_target(container_name=container.container_name, container_port=task_port)],
            # The registry of application entities knows hosts and networks.
            preserve_client_ip=True,
            deregistration_delay=_LEAVES_AFTER,
            # Without TLS in every case: a connection that says nothing is no failed handshake.
            health_check=elbv2.HealthCheck(protocol=elbv2.Protocol.TCP, port=str(PORT), interval=Duration.seconds(10)),
        )
