"""The settings of `make run`, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.failure import CannotRun

HOST = "127.0.0.1"
"""All that listens, listens here and nowhere else."""


@dataclass(frozen=True)
class Settings:
    """What a user may choose; the ports must be different ones.

    Attributes
    ----------
    port
        The front door's, HTTP.
    dimse_port
        The DIMSE endpoint's.
    dimse_tls_port
        The DIMSE endpoint's for TLS, where it is configured; 0 for any that is free.
    aws_port
        The embedded AWS's.
    state_dir
        Where everything lies that persists between runs.
    quiet_seconds
        How long a study must be quiet before a revision is made.
    sample
        Whether the sample study is stored when all is ready.
    """

    port: int
    dimse_port: int
    dimse_tls_port: int
    aws_port: int
    state_dir: Path
    quiet_seconds: int
    sample: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises
        ------
        CannotRun
            For the first one that is wrong.
        """
        settings = cls(
            port=_number(environment, "PORT", 8080, most=65535),
            dimse_port=_number(environment, "DIMSE_PORT", 11112, most=65535),
            dimse_tls_port=_number(environment, "DIMSE_TLS_PORT", 0, least=0, most=65535),
            aws_port=_number(environment, "AWS_PORT", 4566, most=65535),
            state_dir=Path(environment.get("STATE_DIR") or ".local").resolve(),
            quiet_seconds=_number(environment, "QUIET_SECONDS", 5, most=86400),
            sample=_yes(environment, "SAMPLE"),
        )
        if len(set(settings.ports.values())) < len(settings.ports):
            raise CannotRun(f"{', '.join(settings.ports)} must be different ports.")
        return settings

    @property
    def ports(self) -> dict[str, int]:
        """The ports that are chosen beforehand, by the variable that sets each."""
        fixed = {"PORT": self.port, "DIMSE_PORT": self.dimse_port, "AWS_PORT": self.aws_port}
        return {**fixed, **({"DIMSE_TLS_PORT": self.dimse_tls_port} if self.dimse_tls_port else {})}

    @property
    def front(self) -> str:
        """The front door's address, which is the public base address."""
        return f"http://{HOST}:{self.port}"

    @property
    def fhir(self) -> str:
        """The FHIR server's address."""
        return f"{self.front}/fhir"


def _number(environment: Mapping[str, str], name: str, default: int, *, least: int = 1, most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise CannotRun(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def _yes(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name) or "yes"
    if text not in ("yes", "no"):
        raise CannotRun(f"{name} must be yes or no, not {text!r}.")
    return text == "yes"
