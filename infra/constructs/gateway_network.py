"""The network of the streaming gateway."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import Configuration
from infra.constructs.task_network import TASKS, own_vpc, reach_services, task_group


class GatewayNetwork(Construct):
    """A VPC of our own, which CloudFront alone looks into."""

    def __init__(self, scope: Construct, name: str, configuration: Configuration, *, cidr: str, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self.vpc = own_vpc(self, configuration, cidr=cidr, key=key)
        self.tasks = task_group(self, self.vpc, description="The tasks of the gateway.")
        reach_services(self, self.vpc, self.tasks)
        self.subnets = TASKS
        self.internet = self._let_cloudfront_in()

    def _let_cloudfront_in(self) -> ec2.CfnVPCGatewayAttachment:
        # By it CloudFront takes the VPC's consent to traffic from the internet; no route leads through it.
        # Amazon CloudFront Developer Guide, Restrict access with VPC origins, Prerequisites.
        internet = ec2.CfnInternetGateway(self, "Internet")
        return ec2.CfnVPCGatewayAttachment(
            self, "InternetAttachment", vpc_id=self.vpc.vpc_id, internet_gateway_id=internet.ref
        )
