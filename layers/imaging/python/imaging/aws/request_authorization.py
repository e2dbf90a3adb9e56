"""How a server is told who asks: by a bearer token, by SigV4."""

import hashlib
from typing import Protocol, runtime_checkable

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from requests import PreparedRequest
from requests.auth import AuthBase
from requests_aws4auth import AWS4Auth

from imaging.ports.secret import Secret
from imaging.settings import MissingSetting


@runtime_checkable
class RenewableAuthorization(Protocol):
    """One that can be had anew when the server does not take it any more (401)."""

    def forget(self) -> None:
        """Have it anew at the next request."""


def no_authorization(request: PreparedRequest) -> PreparedRequest:
    """Leave a request as it is, where requests would look into the user's .netrc."""
    return request


class BearerToken(AuthBase):
    """A bearer token, RFC 6750 Section 2.1."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token on a request."""
        request.headers["Authorization"] = f"Bearer {self._secret.text()}"
        return request

    def forget(self) -> None:
        """Read the secret anew at the next request; the server does not take the token any more."""
        self._secret.forget()


def healthlake_signature() -> AuthBase:
    """SigV4 with the process's own credentials, which refresh themselves."""
    session = boto3.Session()
    signature: AuthBase = AWS4Auth(
        region=session.region_name, service="healthlake", refreshable_credentials=session.get_credentials()
    )
    return signature


class StreamSignature(AuthBase):
    """SigV4 of a body of any size, which requests-aws4auth would read into memory.

    It is gone through for its digest before it is sent, and must be one that
    can be gone through twice. The credentials are the process's own.

    Parameters
    ----------
    service
        The name that the service signs with, such as ``healthlake``.
    region
        "" for the process's own.
    """

    def __init__(self, service: str, region: str = "") -> None:
        session = boto3.Session()
        credentials = session.get_credentials()
        if credentials is None:
            raise MissingSetting("There are no AWS credentials to sign requests with; the process has a role for that.")
        self._credentials = credentials
        self._service = service
        self._region = region or session.region_name

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign a request."""
        signed = {name: value for name, value in request.headers.items() if name.lower() == "content-type"}
        signed["X-Amz-Content-SHA256"] = _digest(request)
        signing = AWSRequest(method=request.method, url=request.url, headers=signed)
        SigV4Auth(self._credentials.get_frozen_credentials(), self._service, self._region).add_auth(signing)
        request.headers.update(dict(signing.headers.items()))
        return request


def _digest(request: PreparedRequest) -> str:
    body = request.body or b""
    digest = hashlib.sha256()
    for piece in (body.encode(),) if isinstance(body, str) else (body,) if isinstance(body, bytes) else body:
        digest.update(piece)
    return digest.hexdigest()
