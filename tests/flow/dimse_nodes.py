"""The application entities that the tests' systems know by name; others may call them too."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from infra.local.ports import any_free_port
from infra.local.settings import HOST
from tests.orthanc import AE_TITLE as ORTHANC

MOVE_DESTINATION = "DESTINATION"
REQUESTER = "REQUESTER"
"""Asks for storage commitment, and hears of it over associations of ours."""
ONLY_STORES = "ONLYSTORES"
"""May do nothing else, and that in one space alone."""
AWAY = "AWAY"
"""A node that nobody ever plays."""


@dataclass(frozen=True)
class DimseNodes:
    """Chosen before the system starts: whoever plays a node listens at its port."""

    ports: dict[str, int] = field(
        default_factory=lambda: {name: any_free_port() for name in (MOVE_DESTINATION, REQUESTER, ORTHANC, AWAY)}
    )

    def configuration(self, tls_secret_arn: str = "") -> dict[str, Any]:
        """What `imaging.dimse` says, with TLS if there is a secret for it."""
        nodes = [{"ae_title": title, "host": HOST, "port": port} for title, port in self.ports.items()]
        only_stores = {"ae_title": ONLY_STORES, "services": ["store"], "spaces": ["research"]}
        return {
            "peer_cidrs": ["10.0.0.0/8"],
            "callers": "any",
            "peers": [*nodes, only_stores],
            **({"tls": {"certificate_secret_arn": tls_secret_arn}} if tls_secret_arn else {}),
        }


def certificate() -> tuple[str, str]:
    """A new private key with its certificate for this machine, as a secret has them, and the certificate alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = built.public_bytes(Encoding.PEM).decode()
    return private + public, public
