"""The DIMSE endpoint: the settings below ``imaging.dimse``."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.dimse_peer_config import DimsePeerConfiguration, peers
from infra.dimse_tls_config import DimseTlsConfiguration
from infra.fargate_config import INCLUDED_SPOOL_GIB, is_network, task_size, vpc_cidr
from infra.section import ConfigurationError, Section

PORT = 11112
"""Where a task listens without TLS, whatever the load balancer's port: a process that is not root may not take 104."""
TLS_PORT = 2762
"""Where it listens with TLS."""

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
    port
        Of the load balancer, without TLS; not offered if `tls` is the only way in.
    peer_cidrs
        The networks that may connect.
    cidr
        Of the VPC that is made where `vpc` names none.
    internet_facing
        Whether the load balancer has public addresses; it is then reached by TLS alone.
    cpu, memory_mib
        Of one task, in Fargate's units: 1024 is one vCPU.
    tasks, max_tasks
        How many run, and how many may run while many associations are open.
    max_associations
        That one task serves at a time.
    workers
        How many processes of a task serve them.
    spool_gib
        Of each task's disk, where data sets lie until S3 has them.
    callers
        ``registered``: those that `peers` names; ``any``: others too.
    peers
        The registry of application entities.
    unknown_sop_classes
        Whether instances of SOP classes that no standard names are taken: ``accept`` or ``refuse``.
    tls
        None for none.
    """

    port: int
    peer_cidrs: tuple[str, ...]
    cidr: str
    internet_facing: bool
    cpu: int
    memory_mib: int
    tasks: int
    max_tasks: int
    max_associations: int
    workers: int
    spool_gib: int
    callers: str
    peers: tuple[DimsePeerConfiguration, ...]
    unknown_sop_classes: str
    tls: DimseTlsConfiguration | None
    vpc: VpcConfiguration | None

    @property
    def max_object_bytes(self) -> int:
        """What one C-STORE may bring: half of the disk, so that one that large keeps no other out."""
        return self.spool_gib * 1024**3 // 2

    @property
    def pixel_workers(self) -> int:
        """How many processes work on pixels for each of `workers`: as many in all as there are processors."""
        return max(1, self.cpu // 1024 // self.workers)

    @property
    def pixel_worker_mib(self) -> int:
        """What each of them may take: all of them half of the task's memory."""
        return min(2048, self.memory_mib // 2 // (self.workers * self.pixel_workers))

    @property
    def ports(self) -> tuple[int, ...]:
        """Those of a task; the first is the one without TLS."""
        return (PORT, TLS_PORT) if self.tls else (PORT,)

    @property
    def offered(self) -> dict[int, int]:
        """The ports of the load balancer, each with the one of a task that it leads to."""
        in_the_clear = {} if self.tls and self.tls.only else {self.port: PORT}
        return in_the_clear | ({self.tls.port: TLS_PORT} if self.tls else {})

    @property
    def admits_nobody(self) -> bool:
        """Whether no application entity may open an association."""
        return self.callers == "registered" and not self.peers

    @classmethod
    def of(cls, values: object, *, spaces: Sequence[str]) -> "DimseConfiguration | None":
        """Read ``imaging.dimse``; None if it is not enabled.

        Parameters
        ----------
        spaces
            The names of all storage spaces.
        """
        section = Section("imaging.dimse", values, {"enabled", *cls.__dataclass_fields__})
        peer_cidrs = section.texts("peer_cidrs", must="networks such as 10.0.0.0/8")
        if not all(is_network(cidr, least=1, most=32) for cidr in peer_cidrs):
            raise section.error(
                "peer_cidrs", "a list of networks such as 10.0.0.0/8, and none may be the whole internet"
            )
        cidr = vpc_cidr(section, "10.111.12.0/24")
        cpu, memory_mib = task_size(section, default_cpu=1024)
        tasks = section.number("tasks", 1, least=1, most=100)
        internet_facing = section.flag("internet_facing", default=False)
        configured = cls(
            port=section.number("port", PORT, least=1, most=65535),
            peer_cidrs=peer_cidrs,
            cidr=cidr,
            internet_facing=internet_facing,
            cpu=cpu,
            memory_mib=memory_mib,
            tasks=tasks,
            max_tasks=section.number("max_tasks", max(4, tasks), least=tasks, most=1000),
            max_associations=section.number("max_associations", 100, least=1, most=1000),
            # One of two goes on while the other is busy with a large transfer, or begins anew after a fault.
            workers=section.number("workers", max(2, cpu // 1024), least=1, most=16),
            spool_gib=section.number("spool_gib", INCLUDED_SPOOL_GIB, least=INCLUDED_SPOOL_GIB, most=200),
            callers=section.choice("callers", "registered", ("registered", "any")),
            peers=peers(section.value("peers", []), spaces=spaces),
            unknown_sop_classes=section.choice("unknown_sop_classes", "accept", ("accept", "refuse")),
            tls=DimseTlsConfiguration.of(section.value("tls"), only=internet_facing) if "tls" in section else None,
            vpc=VpcConfiguration.of(section.value("vpc")) if "vpc" in section else None,
        )
        if configured.tls and not configured.tls.only and configured.tls.port == configured.port:
            raise ConfigurationError("imaging.dimse.tls.port must be another than imaging.dimse.port.")
        if internet_facing and not (configured.tls and configured.tls.only):
            raise section.error(
                "internet_facing", "false unless tls is the only way in: across the internet nothing goes in the clear"
            )
        return configured if section.flag("enabled", default=True) else None
