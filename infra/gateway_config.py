"""The streaming gateway: the settings below ``imaging.gateway``."""

from dataclasses import dataclass

from infra.domain_config import DomainConfiguration
from infra.fargate_config import task_size, vpc_cidr
from infra.section import Section

NEEDS_AN_ISSUER = (
    "imaging.gateway must be 'none': the gateway and CloudFront cannot check SigV4, so the gateway needs an OIDC "
    "issuer whose tokens it checks, and this release does not have that yet."
)
_CERTIFICATES_OF_CLOUDFRONT = "us-east-1"


@dataclass(frozen=True)
class GatewayConfiguration:
    """The streaming gateway and the CloudFront distribution in front of it and of the API.

    Attributes
    ----------
    domain
        An own name of the distribution; None for the one that CloudFront gives.
    cidr
        Of the VPC that is made.
    cpu, memory_mib
        Of one task, in Fargate's units: 1024 is one vCPU.
    tasks, most_tasks
        How many run, and how many may run under load.
    spool_gib
        Of each task's disk, for bodies that have to lie somewhere while they are looked at.
    """

    domain: DomainConfiguration | None
    cidr: str
    cpu: int
    memory_mib: int
    tasks: int
    most_tasks: int
    spool_gib: int

    @property
    def pixel_workers(self) -> int:
        """How many processes of a task work on pixels: as many as it has processors."""
        return max(1, self.cpu // 1024)

    @property
    def pixel_worker_mib(self) -> int:
        """What each of them may take: all of them half of the task's memory."""
        return min(2048, self.memory_mib // 2 // self.pixel_workers)

    @classmethod
    def of(cls, values: object) -> "GatewayConfiguration | None":
        """Read ``imaging.gateway``: None where it says ``none``."""
        if values in (None, "none"):
            return None
        section = Section("imaging.gateway", values, cls.__dataclass_fields__)
        cpu, memory_mib = task_size(section, default_cpu=2048)  # one streams while one decodes
        tasks = section.number("tasks", 1, least=1, most=100)
        return cls(
            domain=DomainConfiguration.of(
                "imaging.gateway.domain", section.value("domain"), region=_CERTIFICATES_OF_CLOUDFRONT
            )
            if "domain" in section
            else None,
            cidr=vpc_cidr(section, "10.111.13.0/24"),
            cpu=cpu,
            memory_mib=memory_mib,
            tasks=tasks,
            most_tasks=section.number("most_tasks", max(4, tasks), least=tasks, most=1000),
            spool_gib=section.number("spool_gib", 100, least=21, most=200),
        )
