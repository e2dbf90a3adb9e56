"""One address for the API, the gateway and the site: CloudFront, which keeps nothing but the viewer's own files."""

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from infra.constructs.acknowledge import acknowledge
from infra.constructs.dicomweb_api import STAGE
from infra.constructs.site import Site
from infra.domain_config import DomainConfiguration
from infra.site_parts import SitePart

ROUTING_RULE = Path(__file__).with_name("choose_origin.js")
GATEWAY = "gateway"
"""The gateway's id among the origins, by which the routing rule chooses it."""


class Distribution(Construct):
    """A request goes to the site where the path is one of its, else to the API or, by the routing rule, the gateway.

    Parameters
    ----------
    api_host
        Where API Gateway serves the API.
    gateway
        The gateway's load balancer.
    site
        The viewer and the page; None for a deployment without them.
    domain
        An own name; None for the one that CloudFront gives.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        api_host: str,
        gateway: elbv2.IApplicationLoadBalancer,
        site: Site | None,
        domain: DomainConfiguration | None,
    ) -> None:
        super().__init__(scope, name)
        rule = cloudfront.Function(
            self,
            "ChooseOrigin",
            code=cloudfront.FunctionCode.from_file(file_path=str(ROUTING_RULE)),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            comment="Sends bodies that Lambda cannot carry to the gateway, and an address of a page to its file.",
        )
        api = origins.HttpOrigin(
            api_host,
            origin_path=f"/{STAGE}",
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
        )
        streaming = origins.VpcOrigin.with_application_load_balancer(
            gateway,
            origin_id=GATEWAY,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTP_ONLY,
            read_timeout=Duration.seconds(120),
            keepalive_timeout=Duration.seconds(60),  # shorter than the load balancer's own
        )
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="DICOMweb of the imaging ingestion service.",
            default_behavior=_as_it_is(api, rule),
            # What makes the gateway one of the distribution's origins, so that the rule can choose it.
            additional_behaviors={**(self._files_of(site, rule) if site else {}), "/health": _as_it_is(streaming)},
            domain_names=[domain.name] if domain else None,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn)
            if domain
            else None,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
        )
        self._acknowledge(domain)

    def _files_of(self, site: Site, rule: cloudfront.IFunction) -> dict[str, cloudfront.BehaviorOptions]:
        """The site's behaviours, by the path pattern; the first that fits is taken."""
        bucket = origins.S3BucketOrigin.with_origin_access_control(
            site.bucket,
            # Whoever may list is told that a file is missing, and not that it is forbidden. A list itself is asked for
            # at the bucket's root, and there the rule has the page.
            origin_access_levels=[cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST],
        )
        return {
            path: cloudfront.BehaviorOptions(
                origin=bucket,
                function_associations=_before_every_request(rule),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED_FOR_UNCOMPRESSED_OBJECTS
                if part.is_packed
                else cloudfront.CachePolicy.CACHING_DISABLED,
                response_headers_policy=policy,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                compress=False,
            )
            for part, policy in [(part, self._headers_of(part)) for part in site.parts]
            for path in part.paths
        }

    def _headers_of(self, part: SitePart) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            f"HeadersOf{part.name}",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=part.content_security_policy, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                # Of this name alone: what else lies below an own domain may be without TLS.
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(365), override=True
                ),
            ),
        )

    def _acknowledge(self, domain: DomainConfiguration | None) -> None:
        acknowledge(self.distribution, "CFR1", "Images follow patients and readers; no country is shut out.")
        acknowledge(
            self.distribution,
            "CFR2",
            "Bodies are multipart DICOM, checked part by part; whoever opens the API to others adds a web ACL.",
        )
        acknowledge(
            self.distribution,
            "CFR3",
            "CloudFront's log holds the query and so a PatientID; API Gateway and the gateway log each request.",
        )
        if domain is None:
            acknowledge(
                self.distribution, "CFR4", "The name that CloudFront gives comes with CloudFront's own TLS policy."
            )


def _as_it_is(origin: cloudfront.IOrigin, rule: cloudfront.IFunction | None = None) -> cloudfront.BehaviorOptions:
    """Pass every request on and every answer back, nothing cached, nothing packed."""
    return cloudfront.BehaviorOptions(
        origin=origin,
        function_associations=_before_every_request(rule) if rule else None,
        allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
        cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
        # API Gateway knows itself by its own name alone.
        origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        compress=False,
    )


def _before_every_request(rule: cloudfront.IFunction) -> list[cloudfront.FunctionAssociation]:
    return [cloudfront.FunctionAssociation(function=rule, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)]
