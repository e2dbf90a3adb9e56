"""How a FHIR server is told who asks: not at all, by a bearer token, by SigV4."""

import boto3
from requests import PreparedRequest
from requests.auth import AuthBase
from requests_aws4auth import AWS4Auth

from imaging.aws.clients import client, ours_to_retry


class SecretToken(AuthBase):
    """A bearer token that Secrets Manager keeps, as plain text.

    Parameters
    ----------
    secret_arn
        Of the secret; the process may read it.
    """

    def __init__(self, secret_arn: str) -> None:
        self._secret_arn = secret_arn
        self._token = ""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token on a request, read once per process."""
        if not self._token:
            with ours_to_retry("reading the FHIR server's token"):
                answer = client("secretsmanager").get_secret_value(SecretId=self._secret_arn)
            self._token = str(answer["SecretString"]).strip()
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def forget(self) -> None:
        """Read the secret anew at the next request; the server does not take the token any more."""
        self._token = ""


def healthlake_signature() -> AuthBase:
    """SigV4 with the process's own credentials, which refresh themselves."""
    session = boto3.Session()
    signature: AuthBase = AWS4Auth(
        region=session.region_name, service="healthlake", refreshable_credentials=session.get_credentials()
    )
    return signature
