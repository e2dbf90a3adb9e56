"""The deployment's settings: cdk.json's context key ``imaging`` in, typed values out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from infra.binding_config import BindingConfiguration, bindings
from infra.cors_config import CorsConfiguration
from infra.dimse_config import DimseConfiguration
from infra.domain_config import DomainConfiguration
from infra.fhir_config import FhirConfiguration
from infra.gateway_config import NEEDS_AN_ISSUER, GatewayConfiguration
from infra.query_tag_config import QueryTagConfiguration, query_tags, query_tags_setting
from infra.section import HTTP_ADDRESS, ConfigurationError, Section
from infra.space_config import SpaceConfiguration
from infra.viewer_config import NEEDS_AN_ADDRESS, ViewerConfiguration

PLACEHOLDER_ACCOUNT = "123456789012"
"""Stands in the templates when neither the configuration nor the CLI names an account: AWS's own example."""

_LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922)


@dataclass(frozen=True)
class Configuration:
    """All settings of a deployment.

    Attributes
    ----------
    local
        The run on this machine: its own wheels in place of the dependency
        layer, and the only one that may do without authorisation.
    public_base_address
        What absolute addresses start with; empty for the distribution's or the API's own.
    domain
        Of the API.
    quiet_seconds
        How long a study must be quiet before a revision is made.
    api_authorization
        ``iam`` or, locally, ``none``.
    viewer
        What studies are opened with, and with it the page of what came in; None for neither.
    query_tags
        What is indexed beside what always is.
    cors
        Which pages of other origins may read answers; None for none.
    bindings
        What goes where by itself.
    reconcile_days
        How long after a comparison of bucket and manifest began the next one does.
    index_concurrency
        How many batches are indexed at a time.
    alarm_email
        Who is told of an alarm; empty for nobody.
    log_retention_days
        Of all logs, access logs included.
    """

    account: str
    region: str
    local: bool
    public_base_address: str
    domain: DomainConfiguration | None
    quiet_seconds: int
    spaces: tuple[SpaceConfiguration, ...]
    api_authorization: str
    fhir: FhirConfiguration | None
    dimse: DimseConfiguration | None
    gateway: GatewayConfiguration | None
    viewer: ViewerConfiguration | None
    query_tags: tuple[QueryTagConfiguration, ...]
    cors: CorsConfiguration | None
    bindings: tuple[BindingConfiguration, ...]
    reconcile_days: int
    index_concurrency: int
    alarm_email: str
    log_retention_days: int

    @property
    def cors_origins_setting(self) -> str:
        """Whose pages may read answers, as the processes read it (`CORS_ORIGINS`)."""
        return json.dumps(self.cors.allowed_origins if self.cors else [])

    @property
    def dimse_bindings(self) -> tuple[BindingConfiguration, ...]:
        """Those that a process delivers which keeps associations open."""
        return tuple(binding for binding in self.bindings if binding.target.kind == "dimse")

    @property
    def finishes_on_release(self) -> bool:
        """Whether a space takes the end of an association for a hint."""
        return any(space.finishes_on_release for space in self.spaces)

    @property
    def query_tags_setting(self) -> str:
        """What is indexed beside, as the processes read it (`QUERY_TAGS`)."""
        return query_tags_setting(self.query_tags)

    @classmethod
    def of(cls, values: object, environment: Mapping[str, str]) -> "Configuration":
        """Read the settings.

        Parameters
        ----------
        values
            The context key ``imaging``.
        environment
            The CDK CLI leaves the account and region of its credentials in it;
            used where the settings name none.

        Raises
        ------
        ConfigurationError
            For the first key that is wrong.
        """
        section = Section("imaging", values, cls.__dataclass_fields__)
        listed = section.value("spaces", [])
        if not isinstance(listed, list) or not listed:
            raise section.error("spaces", "a list with at least one storage space")
        spaces = tuple(SpaceConfiguration.of(f"imaging.spaces[{n}]", space) for n, space in enumerate(listed))
        tags = query_tags(section.value("query_tags", []))
        region = section.text(
            "region",
            environment.get("CDK_DEFAULT_REGION") or "us-east-1",
            pattern="[a-z]+(-[a-z]+)+-[0-9]",
            must="an AWS region",
        )
        local = section.flag("local", default=False)
        gateway = GatewayConfiguration.of(section.value("gateway"))
        configured = cls(
            account=section.text(
                "account",
                environment.get("CDK_DEFAULT_ACCOUNT") or PLACEHOLDER_ACCOUNT,
                pattern="[0-9]{12}",
                must="the 12 digits of an AWS account",
            ),
            region=region,
            local=local,
            public_base_address=section.text(
                "public_base_address",
                "",
                pattern=f"|{HTTP_ADDRESS}",
                must="an http(s) address without a slash at the end",
            ),
            domain=DomainConfiguration.of("imaging.domain", section.value("domain")) if "domain" in section else None,
            quiet_seconds=section.number("quiet_seconds", 30, least=1, most=86400),
            spaces=spaces,
            api_authorization=section.choice("api_authorization", "iam", ("iam", "none")),
            fhir=FhirConfiguration.of(section.value("fhir")),
            dimse=DimseConfiguration.of(section.value("dimse", {}), spaces=[space.name for space in spaces]),
            gateway=gateway,
            viewer=ViewerConfiguration.of(section.value("viewer"), has_gateway=gateway is not None),
            query_tags=tags,
            cors=CorsConfiguration.of(section.value("cors")),
            bindings=bindings(
                section.value("bindings", []),
                spaces=[space.name for space in spaces],
                query_tags=tags,
                region=region,
            ),
            reconcile_days=section.number("reconcile_days", 7, least=1, most=365),
            index_concurrency=section.number("index_concurrency", 10, least=2, most=1000),
            alarm_email=section.text("alarm_email", "", pattern=r"|[^@\s]+@[^@\s]+", must="an e-mail address"),
            log_retention_days=section.number("log_retention_days", 90, least=1, most=max(_LOG_RETENTION_DAYS)),
        )
        if configured.log_retention_days not in _LOG_RETENTION_DAYS:
            raise section.error("log_retention_days", f"one of {', '.join(map(str, _LOG_RETENTION_DAYS))}")
        if configured.api_authorization == "none" and not local:
            raise section.error("api_authorization", "'iam': only the local run does without authorisation")
        if configured.gateway and not local:
            raise ConfigurationError(NEEDS_AN_ISSUER)
        if configured.viewer and not (configured.public_base_address or (gateway and gateway.domain)):
            raise ConfigurationError(NEEDS_AN_ADDRESS)
        if configured.dimse_bindings and not configured.dimse:
            raise ConfigurationError(
                "imaging.dimse must be enabled where one of imaging.bindings leads to a DIMSE node, which is reached "
                "through its network."
            )
        for attribute in ("name", "ae_title"):
            if len({getattr(space, attribute) for space in configured.spaces}) < len(configured.spaces):
                raise ConfigurationError(f"imaging.spaces must have each {attribute} only once.")
        return configured
