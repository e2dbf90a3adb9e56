"""What the settings of every Fargate service have in common."""

import ipaddress

from infra.section import Section

INCLUDED_SPOOL_GIB = 20
"""The disk that every task has, and that costs nothing more."""

# What Fargate offers, by the units of CPU: least and most.
_MEMORY_MIB = {256: (512, 2048), 512: (1024, 4096), 1024: (2048, 8192), 2048: (4096, 16384), 4096: (8192, 30720)}


def task_size(section: Section, *, default_cpu: int) -> tuple[int, int]:
    """Read ``cpu``, in units of which 1024 are one vCPU, and ``memory_mib`` of one task."""
    cpu = section.number("cpu", default_cpu, least=256, most=4096)
    if cpu not in _MEMORY_MIB:
        raise section.error("cpu", f"one of {', '.join(map(str, _MEMORY_MIB))}")
    least, most = _MEMORY_MIB[cpu]
    return cpu, section.number("memory_mib", 2 * least, least=least, most=most)


def vpc_cidr(section: Section, default: str) -> str:
    """Read ``cidr``, the network of a VPC that is made."""
    cidr = section.text("cidr", default)
    if not is_network(cidr, least=16, most=26):
        raise section.error("cidr", "a network of 64 to 65536 addresses such as 10.111.12.0/24")
    return cidr


def is_network(text: str, *, least: int, most: int) -> bool:
    """Whether the text is an IPv4 network with a prefix of so many bits."""
    try:
        return least <= ipaddress.IPv4Network(text).prefixlen <= most
    except ValueError:
        return False
