"""The network of the DIMSE endpoint."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import Configuration
from infra.constructs.task_network import PUBLIC, TASKS, own_vpc, reach_services, task_group
from infra.dimse_config import DimseConfiguration, VpcConfiguration


class DimseNetwork(Construct):
    """A VPC of our own, or the subnets of one that exists.

    Join ours to the hospital's network by peering, a transit gateway or a VPN.
    """

    def __init__(
        self, scope: Construct, name: str, configuration: Configuration, dimse: DimseConfiguration, *, key: kms.IKey
    ) -> None:
        super().__init__(scope, name)
        self.vpc: ec2.IVpc
        if dimse.vpc:
            self.vpc = _existing(self, dimse.vpc)
            self.tasks = self._tasks()
            self.task_subnets = self._subnets("Task", dimse.vpc.task_subnet_ids)
            self.load_balancer_subnets = self._subnets("LoadBalancer", dimse.vpc.load_balancer_subnet_ids)
            return
        self.vpc = vpc = own_vpc(self, configuration, cidr=dimse.cidr, key=key, public=dimse.internet_facing)
        self.tasks = self._tasks()
        reach_services(
            self,
            vpc,
            self.tasks,
            queues=bool(configuration.dimse_bindings) or configuration.finishes_on_release,
            secrets=bool(dimse.tls),
        )
        self.task_subnets = TASKS
        self.load_balancer_subnets = PUBLIC if dimse.internet_facing else TASKS

    def export(self, stack: Stack) -> None:
        """Let another stack have tasks here, and go on to let it when it has none any more.

        An export that went as soon as nobody asks for it could not go: the
        other stack is updated after this one, and imports it until then.
        """
        stack.export_value(self.tasks.security_group_id)
        if isinstance(self.vpc, ec2.Vpc):
            stack.export_value(self.vpc.vpc_id)
            for subnet in self.vpc.select_subnets(subnet_group_name="Tasks").subnets:
                stack.export_value(subnet.subnet_id)

    def _tasks(self) -> ec2.SecurityGroup:
        return task_group(self, self.vpc, description="The tasks of the DIMSE endpoint.")

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
