"""What the networks of tasks are made of: no way out but to the AWS services a task calls."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import Configuration
from infra.constructs.encrypted_logs import EncryptedLogs

TASKS = ec2.SubnetSelection(subnet_group_name="Tasks")
PUBLIC = ec2.SubnetSelection(subnet_group_name="Public")


def own_vpc(
    scope: Construct, configuration: Configuration, *, cidr: str, key: kms.IKey, public: bool = False
) -> ec2.Vpc:
    """Make a VPC without a NAT gateway: images, logs, objects and rows travel through endpoints.

    Parameters
    ----------
    public
        Whether there are public subnets beside those of the tasks, for a load balancer.
    """
    quarter = int(cidr.split("/")[1]) + 2
    tasks = ec2.SubnetConfiguration(name="Tasks", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=quarter)
    open_to_all = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=quarter)
    vpc = ec2.Vpc(
        scope,
        "Vpc",
        ip_addresses=ec2.IpAddresses.cidr(cidr),
        nat_gateways=0,
        subnet_configuration=[tasks, open_to_all] if public else [tasks],
        gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
    )
    vpc.add_flow_log(
        "Refused",
        destination=ec2.FlowLogDestination.to_cloud_watch_logs(
            EncryptedLogs(scope, "RefusedConnections", configuration, key=key)
        ),
        traffic_type=ec2.FlowLogTrafficType.REJECT,
    )
    return vpc


def task_group(scope: Construct, vpc: ec2.IVpc, *, description: str) -> ec2.SecurityGroup:
    """Make the security group of tasks, which may speak HTTPS and nothing else."""
    group = ec2.SecurityGroup(scope, "Tasks", vpc=vpc, description=description, allow_all_outbound=False)
    group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "To the AWS services a task calls.")
    return group


def reach_services(
    scope: Construct, vpc: ec2.Vpc, tasks: ec2.SecurityGroup, *, queues: bool = False, secrets: bool = False
) -> None:
    """Let tasks of our own VPC fetch their image, write their log, and use queues or secrets if they have to.

    The manifest they reach as they do S3, by a route that costs nothing.
    """
    vpc.add_gateway_endpoint("DynamoDB", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
    endpoints = ec2.SecurityGroup(
        scope, "Endpoints", vpc=vpc, description="AWS services, as tasks reach them.", allow_all_outbound=False
    )
    endpoints.add_ingress_rule(tasks, ec2.Port.HTTPS, "From the tasks.")
    for name, service in (
        ("Images", ec2.InterfaceVpcEndpointAwsService.ECR),
        ("ImageLayers", ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER),
        ("Logs", ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS),
        *([("Queues", ec2.InterfaceVpcEndpointAwsService.SQS)] if queues else []),
        *([("Secrets", ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER)] if secrets else []),
    ):
        vpc.add_interface_endpoint(name, service=service, security_groups=[endpoints], open=False)
