"""Where revisions are published, and how: the settings below ``imaging.fhir``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.section import HTTP_ADDRESS, KMS_KEY_ARN, SAFE_ORIGIN, ConfigurationError, Section

_WHERE = ("base_url", "healthlake_datastore_id", "create_healthlake")
_OF_A_SERVER = ("base_url", "authorization", "token_secret_arn", "smart", "kms_key_arn")
_POLICY = (
    *("patient", "on_delete", "writes", "enforce_validation", "max_listed_instances"),
    *("document_references", "dose_observations", "managing_organization", "invoke_image_display"),
)
_SECRET_ARN = "arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:.+-[A-Za-z0-9]{6}"
_MUST_BE_SECRET = "the whole ARN of a secret, the six characters at its end included"
_ADDRESS = "an http(s) address without a slash at the end"
_SAFE_ADDRESS = rf"{SAFE_ORIGIN}(/\S*[^/\s])?"
_MUST_BE_SAFE = "an https address without a slash at the end, since what proves who we are is sent there"


@dataclass(frozen=True)
class SmartConfiguration:
    """As whom SMART Backend Services know us: ``imaging.fhir.smart``.

    Attributes
    ----------
    client_id
        That the server's operator registered us by, with our public key.
    key_secret_arn
        Of the private key, a JWK or PEM.
    token_url
        Empty where ``.well-known/smart-configuration`` below the base URL tells it.
    """

    client_id: str
    key_secret_arn: str
    token_url: str
    scope: str

    @classmethod
    def of(cls, values: object) -> "SmartConfiguration":
        """Read the section."""
        section = Section("imaging.fhir.smart", values, cls.__dataclass_fields__)
        must = "scopes with a space between them, such as 'system/*.cruds' or, of a server of SMART 1, 'system/*.*'"
        return cls(
            client_id=section.text("client_id", pattern=r"\S+", must="the client id that the FHIR server knows us by"),
            key_secret_arn=section.text("key_secret_arn", pattern=_SECRET_ARN, must=_MUST_BE_SECRET),
            token_url=section.text("token_url", "", pattern=rf"|{SAFE_ORIGIN}(/\S*)?", must="an https address"),
            scope=section.text("scope", "system/*.cruds", pattern=r"[!#-\[\]-~]+( [!#-\[\]-~]+)*", must=must),
        )


@dataclass(frozen=True)
class FhirConfiguration:
    """Where revisions are published, and how.

    Attributes
    ----------
    base_url
        Of any R4 server; empty for HealthLake.
    authorization
        ``none``, ``bearer`` (the token is in the secret), ``smart`` or ``sigv4``.
    kms_key_arn
        Of the key of its own that the secret is encrypted with; empty for none.
    healthlake_datastore_id
        Of a store that exists; empty with `create_healthlake`.
    policy
        What is configured of how studies are published; `publish_study` has the rest.
    """

    base_url: str = ""
    authorization: str = "sigv4"
    token_secret_arn: str = ""
    smart: SmartConfiguration | None = None
    kms_key_arn: str = ""
    healthlake_datastore_id: str = ""
    create_healthlake: bool = False
    policy: Mapping[str, object] = field(default_factory=dict)

    @property
    def secret_arn(self) -> str:
        """Of what we prove with who we are; empty where there is none."""
        return self.smart.key_secret_arn if self.smart else self.token_secret_arn

    @classmethod
    def of(cls, values: object) -> "FhirConfiguration | None":
        """Read ``imaging.fhir``; None for ``"none"``."""
        if values is None or values == "none":
            return None
        section = Section("imaging.fhir", values, (*_WHERE, *_OF_A_SERVER, *_POLICY))
        ways = [key for key in _WHERE if section.value(key)]
        if len(ways) != 1:
            raise ConfigurationError(
                "imaging.fhir must be 'none' or have exactly one of base_url, healthlake_datastore_id "
                f"and create_healthlake, not {' and '.join(ways) or 'none of them'}."
            )
        return cls._server(section) if "base_url" in section else cls._healthlake(section)

    @classmethod
    def _healthlake(cls, section: Section) -> "FhirConfiguration":
        for key in _OF_A_SERVER:
            if key in section:
                raise section.error(key, "left out beside HealthLake, which is asked with SigV4")
        if section.value("writes", "put-by-id") != "put-by-id":
            raise section.error("writes", "left out beside HealthLake, which takes our ids: it is 'put-by-id'")
        return cls(
            healthlake_datastore_id=section.text(
                "healthlake_datastore_id", "", pattern="|[0-9a-f]{32}", must="the 32 hexadecimal digits of a store"
            ),
            create_healthlake=section.flag("create_healthlake", default=False),
            policy={**_policy(section), "writes": "put-by-id"},
        )

    @classmethod
    def _server(cls, section: Section) -> "FhirConfiguration":
        authorization = section.choice("authorization", "none", ("none", "bearer", "smart"))
        for key, its, what in (
            ("token_secret_arn", "bearer", "the ARN of a secret"),
            ("smart", "smart", "an object with client_id and key_secret_arn"),
        ):
            if (authorization == its) != (key in section):
                raise section.error(key, f"{what} with authorization '{its}', and only then")
        address, must = (HTTP_ADDRESS, _ADDRESS) if authorization == "none" else (_SAFE_ADDRESS, _MUST_BE_SAFE)
        if authorization == "none" and "kms_key_arn" in section:
            raise section.error("kms_key_arn", "left out without a secret, which it encrypts")
        return cls(
            base_url=section.text("base_url", pattern=address, must=must),
            authorization=authorization,
            token_secret_arn=section.text("token_secret_arn", "", pattern=f"|{_SECRET_ARN}", must=_MUST_BE_SECRET),
            smart=SmartConfiguration.of(section.value("smart")) if authorization == "smart" else None,
            kms_key_arn=section.text("kms_key_arn", "", pattern=f"|{KMS_KEY_ARN}", must="the ARN of a KMS key"),
            policy=_policy(section),
        )


def policy_settings(values: object) -> dict[str, object]:
    """What ``imaging.fhir`` says of how studies are published, wherever that is."""
    return {key: value for key, value in values.items() if key in _POLICY} if isinstance(values, dict) else {}


def _policy(section: Section) -> dict[str, object]:
    """Those that are configured, each checked."""
    organization = "a reference such as 'Organization/123'"
    checked: dict[str, object] = {
        "patient": section.choice("patient", "sync", ("sync", "create-only", "reference-only")),
        "on_delete": section.choice("on_delete", "remove", ("remove", "cancel")),
        "writes": section.choice("writes", "auto", ("auto", "put-by-id", "conditional-put", "search-then-put")),
        "enforce_validation": section.flag("enforce_validation", default=False),
        "max_listed_instances": section.number("max_listed_instances", 2_000, least=0, most=100_000),
        "document_references": section.flag("document_references", default=False),
        "dose_observations": section.flag("dose_observations", default=False),
        "managing_organization": section.text(
            "managing_organization", "", pattern=r"|Organization/[A-Za-z0-9.-]{1,64}", must=organization
        ),
        "invoke_image_display": section.text("invoke_image_display", "", pattern=f"|{HTTP_ADDRESS}", must=_ADDRESS),
    }
    return {key: value for key, value in checked.items() if key in section}
