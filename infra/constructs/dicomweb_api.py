"""The DICOMweb root of every space and what is of all spaces, as a REST API in front of three functions."""

import json

from aws_cdk import Aws, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Configuration
from infra.constructs.acknowledge import acknowledge
from infra.constructs.encrypted_logs import EncryptedLogs

STAGE = "live"

_OF_ALL_SPACES = ("IHEInvokeImageDisplay", "arrivals", "status")

_TOO_LARGE = (
    "The request is larger than what fits through here; store fewer instances a request, or a large one by C-STORE "
    "or with `aws s3 cp` under incoming/ in the space's bucket."
)
_NOT_SERVED = (
    "This address does not serve this method, or the request is not signed with SigV4 for the service execute-api."
)
# Names the resource by its path: a query may carry a PatientID, and no log line does.
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.identity.userArn",
    "sourceIp": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latencyMilliseconds": "$context.responseLatency",
}


class DicomwebApi(Construct):
    """``/spaces`` and all below: POST stores, GET and HEAD read, DELETE deletes, OPTIONS asks what there is.

    Beside it is what can only be read.

    Bodies pass as they are, whatever their media type, in base64 between API
    Gateway and the function.
    """

    def __init__(self, scope: Construct, name: str, configuration: Configuration, *, key: kms.IKey) -> None:
        super().__init__(scope, name)
        access_logs = EncryptedLogs(self, "AccessLogs", configuration, key=key)
        self.api = apigateway.RestApi(
            self,
            "Api",
            description="DICOMweb of the imaging ingestion service.",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            binary_media_types=["*/*"],
            cloud_watch_role=True,
            default_method_options=apigateway.MethodOptions(
                authorization_type=apigateway.AuthorizationType.IAM
                if configuration.api_authorization == "iam"
                else apigateway.AuthorizationType.NONE
            ),
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                tracing_enabled=True,
                throttling_rate_limit=200,
                throttling_burst_limit=400,
                access_log_destination=apigateway.LogGroupLogDestination(access_logs),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG)),
            ),
        )
        self._cors = configuration.cors
        self._answer_as_json()
        self._acknowledge(configuration)
        self._name_domain(configuration)

    @property
    def address(self) -> str:
        """What the API is reached under, without a slash at the end."""
        # Not `self.api.url`: that waits for the stage, which waits for the functions, which are
        # told this address.
        return f"https://{self.host}/{STAGE}"

    @property
    def host(self) -> str:
        """Where API Gateway serves the API."""
        return f"{self.api.rest_api_id}.execute-api.{Stack.of(self).region}.{Aws.URL_SUFFIX}"

    def serve(self, *, store: lambda_.IFunction, read: lambda_.IFunction, delete: lambda_.IFunction) -> None:
        """Route to the functions."""
        spaces = self.api.root.add_resource("spaces")
        space = spaces.add_resource("{space}")
        below = space.add_resource("{proxy+}")
        # Without "test-invoke-stage", the console's own permission on the function.
        reading = apigateway.LambdaIntegration(read, allow_test_invoke=False)
        of_all_spaces = map(self.api.root.add_resource, _OF_ALL_SPACES)
        for resource in (spaces, space, below, *of_all_spaces):
            resource.add_method("GET", reading)
            resource.add_method("HEAD", reading)
            options = resource.add_method(
                "OPTIONS", reading, authorization_type=apigateway.AuthorizationType.NONE if self._cors else None
            )
            if self._cors:
                _acknowledge_preflight(options)
        below.add_method("POST", apigateway.LambdaIntegration(store, allow_test_invoke=False))
        below.add_method("DELETE", apigateway.LambdaIntegration(delete, allow_test_invoke=False))

    def _answer_as_json(self) -> None:
        # Nothing here looks at who asks. A page of any origin may read these sentences, which say nothing of a patient.
        shown = {"Access-Control-Allow-Origin": f"'{self._cors.shown_everywhere}'"} if self._cors else None
        for name, kind, error in (
            ("ClientError", apigateway.ResponseType.DEFAULT_4_XX, "$context.error.messageString"),
            ("ServerError", apigateway.ResponseType.DEFAULT_5_XX, "$context.error.messageString"),
            ("NotServed", apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN, json.dumps(_NOT_SERVED)),
            ("TooLarge", apigateway.ResponseType.REQUEST_TOO_LARGE, json.dumps(_TOO_LARGE)),
        ):
            self.api.add_gateway_response(
                name,
                type=kind,
                response_headers=shown,
                templates={"application/json": f'{{"error": {error}}}'},
            )

    def _acknowledge(self, configuration: Configuration) -> None:
        acknowledge(
            self.api,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
            "The one role by which API Gateway writes logs in an account, with the policy AWS made for it.",
        )
        acknowledge(self.api, "APIG2", "Bodies are multipart DICOM; the function checks them, part by part.")
        acknowledge(
            self.api,
            "APIG3",
            "Callers sign with SigV4; whoever opens the API to others puts a web ACL of their own in front.",
        )
        acknowledge(
            self.api,
            "APIG6",
            "An execution log may hold the query and so a PatientID; the access log holds what we need.",
        )
        acknowledge(self.api, "COG4", "Authorisation is by IAM: callers are systems with roles, not users of a pool.")
        if configuration.local:
            acknowledge(self.api, "APIG4", "The local run listens on the loopback address alone.")

    def _name_domain(self, configuration: Configuration) -> None:
        if not configuration.domain:
            return
        domain = self.api.add_domain_name(
            "Domain",
            domain_name=configuration.domain.name,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", configuration.domain.certificate_arn),
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        self.domain_target = domain.domain_name_alias_domain_name


def _acknowledge_preflight(options: apigateway.Method) -> None:
    reason = "A browser never signs what it asks before a request; the answer says what is allowed, not what is held."
    for rule in ("APIG4", "COG4"):
        acknowledge(options, rule, reason)
