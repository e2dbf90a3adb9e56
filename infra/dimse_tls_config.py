"""DIMSE over TLS: the settings below ``imaging.dimse.tls``."""

from dataclasses import dataclass

from infra.binding_target_config import SECRET_ARN
from infra.section import KMS_KEY_ARN, Section

_SECRET = "the whole ARN of a secret, the six characters at its end included"


@dataclass(frozen=True)
class DimseTlsConfiguration:
    """DIMSE over TLS; the tasks end it, the load balancer passes it on.

    Attributes
    ----------
    port
        Of the load balancer; 2762 is the one that PS3.15 and IANA have for it.
    only
        Whether nothing else is offered: unless stated, where callers need a certificate, and across the internet.
    certificate_secret_arn
        Of our private key and certificate chain, PEM.
    client_ca_secret_arn
        Of the certificates, PEM, whose holders may connect; empty where callers need no certificate.
    kms_key_arn
        Of the key of their own that the secrets are encrypted with; empty for the one of AWS.
    """

    port: int
    only: bool
    certificate_secret_arn: str
    client_ca_secret_arn: str
    kms_key_arn: str

    @property
    def secret_arns(self) -> tuple[str, ...]:
        """Of all secrets that a task reads."""
        return tuple(filter(None, (self.certificate_secret_arn, self.client_ca_secret_arn)))

    @classmethod
    def of(cls, values: object, *, only: bool) -> "DimseTlsConfiguration":
        """Read ``imaging.dimse.tls``.

        Parameters
        ----------
        only
            Whether it is the only way in even if callers need no certificate, unless stated.
        """
        section = Section("imaging.dimse.tls", values, cls.__dataclass_fields__)
        client_ca_secret_arn = section.text("client_ca_secret_arn", "", pattern=f"|{SECRET_ARN}", must=_SECRET)
        return cls(
            port=section.number("port", 2762, least=1, most=65535),
            only=section.flag("only", default=only or bool(client_ca_secret_arn)),
            certificate_secret_arn=section.text("certificate_secret_arn", pattern=SECRET_ARN, must=_SECRET),
            client_ca_secret_arn=client_ca_secret_arn,
            kms_key_arn=section.text("kms_key_arn", "", pattern=f"|{KMS_KEY_ARN}", must="the ARN of a KMS key"),
        )
