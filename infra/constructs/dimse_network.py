"""The network of the DIMSE endpoint: no way out but to the AWS services a task calls."""

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import Configuration
from infra.constructs.encrypted_logs import EncryptedLogs
from infra.dimse_config import DimseConfiguration, VpcConfiguration


class DimseNetwork(Construct):
    """A VPC of our own, or the subnets of one that exists.

    Ours has no NAT gateway: images, logs and objects travel through endpoints.
    Join it to the hospital's network by peering, a transit gateway or a VPN.
    """

    def __init__(
        self, scope: Construct, name: str, configuration: Configuration, dimse: DimseConfiguration, *, key: kms.IKey
    ) -> None:
        super().__init__(scope, name)
        if dimse.vpc:
            self.vpc = _existing(self, dimse.vpc)
            self.tasks = self._tasks()
            self.task_subnets = self._subnets("Task", dimse.vpc.task_subnet_ids)
            self.load_balancer_subnets = self._subnets("LoadBalancer", dimse.vpc.load_balancer_subnet_ids)
            return
        vpc = self._own(dimse)
        vpc.add_flow_log(
            "Refused",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                EncryptedLogs(self, "RefusedConnections", configuration, key=key)
            ),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        self.vpc = vpc
        self.tasks = self._tasks()
        self._reach_services(vpc)
        self.task_subnets = ec2.SubnetSelection(subnet_group_name="Tasks")
        self.load_balancer_subnets = ec2.SubnetSelection(
            subnet_group_name="Public" if dimse.internet_facing else "Tasks"
        )

    def _own(self, dimse: DimseConfiguration) -> ec2.Vpc:
        quarter = int(dimse.cidr.split("/")[1]) + 2
        tasks = ec2.SubnetConfiguration(name="Tasks", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=quarter)
        public = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=quarter)
        return ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(dimse.cidr),
            nat_gateways=0,
            subnet_configuration=[tasks, public] if dimse.internet_facing else [tasks],
            gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
        )

    def _tasks(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "Tasks", vpc=self.vpc, description="The tasks of the DIMSE endpoint.", allow_all_outbound=False
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "To S3, ECR and CloudWatch Logs.")
        return group

    def _reach_services(self, vpc: ec2.Vpc) -> None:
        endpoints = ec2.SecurityGroup(
            self, "Endpoints", vpc=vpc, description="AWS services, as tasks reach them.", allow_all_outbound=False
        )
        endpoints.add_ingress_rule(self.tasks, ec2.Port.HTTPS, "From the tasks.")
        for name, service in (
            ("Images", ec2.InterfaceVpcEndpointAwsService.ECR),
            ("ImageLayers", ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER),
            ("Logs", ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS),
        ):
            vpc.add_interface_endpoint(name, service=service, security_groups=[endpoints], open=False)

    def _subnets(self, name: str, ids: Sequence[str]) -> ec2.SubnetSelection:
        return ec2.SubnetSelection(
            subnets=[ec2.Subnet.from_subnet_id(self, f"{name}{number}", id_) for number, id_ in enumerate(ids)]
        )


def _existing(scope: Construct, vpc: VpcConfiguration) -> ec2.IVpc:
    # From attributes, not by look-up: synthesis needs no credentials.
    return ec2.Vpc.from_vpc_attributes(
        scope,
        "Vpc",
        vpc_id=vpc.id,
        availability_zones=list(vpc.availability_zones),
        private_subnet_ids=list(vpc.task_subnet_ids),
    )
