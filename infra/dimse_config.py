"""The DIMSE endpoint: the settings below ``imaging.dimse``."""

from dataclasses import dataclass

from infra.fargate_config import is_network, task_size, vpc_cidr
from infra.section import Section

_AWS_ID = "([0-9a-f]{8}|[0-9a-f]{17})"


@dataclass(frozen=True)
class VpcConfiguration:
    """An existing network; its subnets must reach S3, ECR and CloudWatch Logs."""

    id: str
    availability_zones: tuple[str, ...]
    task_subnet_ids: tuple[str, ...]
    load_balancer_subnet_ids: tuple[str, ...]

    @classmethod
    def of(cls, values: object) -> "VpcConfiguration":
        """Read ``imaging.dimse.vpc``."""
        section = Section("imaging.dimse.vpc", values, cls.__dataclass_fields__)
        zones = section.texts("availability_zones", must="availability zones")
        subnets = {
            key: section.texts(key, pattern=f"subnet-{_AWS_ID}", must="subnet ids")
            for key in ("task_subnet_ids", "load_balancer_subnet_ids")
        }
        for key, ids in subnets.items():
            if not ids or len(ids) != len(zones):
                raise section.error(key, "one subnet for each of availability_zones")
        return cls(
            id=section.text("id", pattern=f"vpc-{_AWS_ID}", must="the id of a VPC"),
            availability_zones=zones,
            **subnets,
        )


@dataclass(frozen=True)
class DimseConfiguration:
    """The DIMSE endpoint.

    Attributes
    ----------
    peer_cidrs
        The networks that may connect.
    cidr
        Of the VPC that is made where `vpc` names none.
    internet_facing
        Whether the load balancer has public addresses; DIMSE is not encrypted,
        so False unless a tunnel is out of the question.
    cpu, memory_mib
        Of one task, in Fargate's units: 1024 is one vCPU.
    tasks
        How many run.
    max_associations
        That one task serves at a time.
    """

    port: int
    peer_cidrs: tuple[str, ...]
    cidr: str
    internet_facing: bool
    cpu: int
    memory_mib: int
    tasks: int
    max_associations: int
    vpc: VpcConfiguration | None

    @property
    def max_object_bytes(self) -> int:
        """What one C-STORE may bring: it is held in memory, beside others."""
        return self.memory_mib * 1024 * 1024 // 8

    @classmethod
    def of(cls, values: object) -> "DimseConfiguration | None":
        """Read ``imaging.dimse``; None if it is not enabled."""
        section = Section("imaging.dimse", values, {"enabled", *cls.__dataclass_fields__})
        peers = section.texts("peer_cidrs", must="networks such as 10.0.0.0/8")
        if not all(is_network(peer, least=1, most=32) for peer in peers):
            raise section.error(
                "peer_cidrs", "a list of networks such as 10.0.0.0/8, and none may be the whole internet"
            )
        cidr = vpc_cidr(section, "10.111.12.0/24")
        cpu, memory_mib = task_size(section, default_cpu=512)
        configured = cls(
            port=section.number("port", 11112, least=1, most=65535),
            peer_cidrs=peers,
            cidr=cidr,
            internet_facing=section.flag("internet_facing", default=False),
            cpu=cpu,
            memory_mib=memory_mib,
            tasks=section.number("tasks", 1, least=1, most=100),
            max_associations=section.number("max_associations", 20, least=1, most=1000),
            vpc=VpcConfiguration.of(section.value("vpc")) if "vpc" in section else None,
        )
        return configured if section.flag("enabled", default=True) else None
