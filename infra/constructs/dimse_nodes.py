"""The DIMSE nodes that a task calls: the only way out of its network beside the AWS services."""

import ipaddress
from collections.abc import Iterable

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

_RULES_OF_A_GROUP = 50  # VPC quota: 60 rules a security group, and five groups a network interface


def way_to_nodes(
    scope: Construct, nodes: Iterable[tuple[str, int]], *, vpc: ec2.IVpc, reason: str
) -> list[ec2.SecurityGroup]:
    """Make the security groups by which a task reaches these hosts and ports, as many as it takes.

    Parameters
    ----------
    reason
        Why a node is called, as the rule says it.
    """
    listed = sorted(set(nodes))
    groups = []
    for first in range(0, len(listed), _RULES_OF_A_GROUP):
        group = ec2.SecurityGroup(
            scope,
            f"Nodes{first // _RULES_OF_A_GROUP + 1}",
            vpc=vpc,
            description="The DIMSE nodes that are called.",
            allow_all_outbound=False,
        )
        for host, port in listed[first : first + _RULES_OF_A_GROUP]:
            group.add_egress_rule(_peer(host), ec2.Port.tcp(port), f"{reason} {host}.")
        groups.append(group)
    return groups


def _peer(host: str) -> ec2.IPeer:
    """A security group knows addresses alone: a name opens its port to all."""
    try:
        return ec2.Peer.ipv4(f"{ipaddress.IPv4Address(host)}/32")
    except ValueError:
        return ec2.Peer.any_ipv4()
