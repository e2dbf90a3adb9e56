"""Where revisions are published: the settings below ``imaging.fhir``."""

from dataclasses import dataclass

from infra.section import HTTP_ADDRESS, ConfigurationError, Section


@dataclass(frozen=True)
class FhirConfiguration:
    """Where revisions are published.

    Attributes
    ----------
    base_url
        Of any R4 server; empty for HealthLake.
    authorization
        ``none``, ``bearer`` (the token is in the secret) or ``sigv4``.
    healthlake_datastore_id
        Of a store that exists; empty with `create_healthlake`.
    """

    base_url: str = ""
    authorization: str = "sigv4"
    token_secret_arn: str = ""
    healthlake_datastore_id: str = ""
    create_healthlake: bool = False

    @classmethod
    def of(cls, values: object) -> "FhirConfiguration | None":
        """Read ``imaging.fhir``; None for ``"none"``."""
        if values is None or values == "none":
            return None
        section = Section("imaging.fhir", values, cls.__dataclass_fields__)
        ways = [key for key in ("base_url", "healthlake_datastore_id", "create_healthlake") if section.value(key)]
        if len(ways) != 1:
            raise ConfigurationError(
                "imaging.fhir must be 'none' or have exactly one of base_url, healthlake_datastore_id "
                f"and create_healthlake, not {' and '.join(ways) or 'none of them'}."
            )
        if "base_url" not in section:
            return cls(
                healthlake_datastore_id=section.text(
                    "healthlake_datastore_id", "", pattern="|[0-9a-f]{32}", must="the 32 hexadecimal digits of a store"
                ),
                create_healthlake=section.flag("create_healthlake", default=False),
            )
        authorization = section.choice("authorization", "none", ("none", "bearer"))
        if (authorization == "bearer") != ("token_secret_arn" in section):
            raise section.error("token_secret_arn", "the ARN of a secret with authorization 'bearer', and only then")
        return cls(
            base_url=section.text(
                "base_url", pattern=HTTP_ADDRESS, must="an http(s) address without a slash at the end"
            ),
            authorization=authorization,
            token_secret_arn=section.text(
                "token_secret_arn",
                "",
                pattern="|arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:.+-[A-Za-z0-9]{6}",
                must="the whole ARN of a secret, the six characters at its end included",
            ),
        )
