"""The streaming gateway: an internal load balancer in front of Fargate tasks."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge
from infra.constructs.fargate_process import STOP_TIMEOUT, fargate_service, fargate_task
from infra.constructs.gateway_network import GatewayNetwork
from infra.constructs.grants import Grants
from infra.gateway_config import GatewayConfiguration

PORT = 8080
IDLE_TIMEOUT = Duration.seconds(120)
"""How long a connection may be silent; as long as CloudFront waits for an origin."""


class GatewayService(Construct):
    """`functions/gateway` as a service, reachable by CloudFront alone.

    More tasks run when their processors are busy: what a task does for a body
    is to compute digests of it.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        gateway: GatewayConfiguration,
        *,
        network: GatewayNetwork,
        grants: Grants,
        environment: Mapping[str, str],
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, name)
        self._network = network
        task = fargate_task(
            self,
            "gateway",
            configuration,
            cpu=gateway.cpu,
            memory_mib=gateway.memory_mib,
            ports=[PORT],
            grants=grants,
            environment={**environment, "GATEWAY_PORT": str(PORT), "GATEWAY_BIND_ADDRESS": "0.0.0.0"},
            key=key,
            spool_gib=gateway.spool_gib,
        )
        service = fargate_service(
            self, task, vpc=network.vpc, subnets=network.subnets, groups=[network.tasks], tasks=None
        )
        scaling = service.auto_scale_task_count(min_capacity=gateway.tasks, max_capacity=gateway.most_tasks)
        scaling.scale_on_cpu_utilization("Busy", target_utilization_percent=60, scale_in_cooldown=Duration.minutes(10))
        self.load_balancer = self._load_balancer(self._door(), service)

    def _door(self) -> ec2.SecurityGroup:
        door = ec2.SecurityGroup(
            self,
            "Door",
            vpc=self._network.vpc,
            description="Who may connect to the gateway.",
            allow_all_outbound=False,
        )
        door.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTP, "CloudFront, which alone has a way into this VPC.")
        acknowledge(
            door,
            "EC23",
            "The load balancer is internal and no route leads into its VPC; CloudFront's addresses have no name that "
            "a template knows in every region.",
        )
        self._network.tasks.connections.allow_from(door, ec2.Port.tcp(PORT), "From the load balancer.")
        return door

    def _load_balancer(self, door: ec2.SecurityGroup, service: ecs.FargateService) -> elbv2.ApplicationLoadBalancer:
        load_balancer = elbv2.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=self._network.vpc,
            vpc_subnets=self._network.subnets,
            internet_facing=False,
            security_group=door,
            idle_timeout=IDLE_TIMEOUT,
            drop_invalid_header_fields=True,
            deletion_protection=False,
        )
        acknowledge(
            load_balancer,
            "ELB2",
            "The gateway's own log has a line for each request, and none with the query, which may hold a PatientID.",
        )
        # HTTP: an internal load balancer has no public name that a certificate could be for, and the way from
        # CloudFront to a VPC origin stays within the network of AWS.
        listener = load_balancer.add_listener("Http", port=80, protocol=elbv2.ApplicationProtocol.HTTP, open=False)
        listener.add_targets(
            "Tasks",
            port=PORT,
            protocol=elbv2.ApplicationProtocol.HTTP,
            targets=[service],
            deregistration_delay=STOP_TIMEOUT,
            load_balancing_algorithm_type=elbv2.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
            health_check=elbv2.HealthCheck(path="/health", interval=Duration.seconds(10)),
        )
        return load_balancer
