"""An access token of SMART Backend Services: we prove who we are by a signature.

References
----------
https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt
from requests import PreparedRequest, RequestException, Response, Session
from requests.auth import AuthBase

from imaging.aws.fhir_answer import wished_wait_seconds
from imaging.aws.request_authorization import no_authorization
from imaging.aws.secret import KeptSecret
from imaging.aws.signing_key import SigningKey
from imaging.errors import Unavailable
from imaging.ports.secret import Secret
from imaging.settings import Settings

DEFAULT_SCOPE = "system/*.cruds"
_TIMEOUT_SECONDS = (3, 8)
_ASSERTION_SECONDS = 240  # five minutes at most, and clocks differ
_TOKEN_SECONDS = 300  # of a server that does not say
_RENEW_SECONDS = 30
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_OAUTH_ERRORS = {  # RFC 6749 Section 5.2
    "invalid_client": "register the client imaging.fhir.smart.client_id and the public key that belongs to its secret",
    "invalid_scope": "set imaging.fhir.smart.scope to what the server allows the client",
    "unauthorized_client": "allow the client the grant client_credentials",
    "unsupported_grant_type": "the server has no SMART Backend Services: take another authorization in imaging.fhir",
    "invalid_grant": "look at the clock and at imaging.fhir.smart.token_url",
    "invalid_request": "look at imaging.fhir.smart",
}


class SmartToken(AuthBase):
    """A bearer token that is asked for anew shortly before it expires.

    Parameters
    ----------
    base_url
        Of the FHIR server, whose ``.well-known/smart-configuration`` is asked
        where `token_url` is "".
    now
        Seconds of a clock that goes on while the process is frozen.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        key: Secret,
        *,
        token_url: str = "",
        scope: str = DEFAULT_SCOPE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._base_url = base_url
        self._client_id = client_id
        self._key = key
        self._token_url = token_url
        self._scope = scope
        self._now = now
        self._token = ""
        self._renew_at = 0.0

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token on a request; raises `Unavailable` if there is none to be had."""
        if not self._token or self._now() >= self._renew_at:
            self._renew()
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def forget(self) -> None:
        """Ask for a token at the next request, with the key as it is then."""
        self._token = ""
        self._key.forget()

    def _renew(self) -> None:
        with Session() as session:
            session.auth = no_authorization  # the assertion is all that there is
            token_url = self._token_url or self._discover(session)
            answer = self._request(session, token_url)
        seconds = answer.get("expires_in")
        lifetime = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else _TOKEN_SECONDS
        self._token = answer["access_token"]
        self._renew_at = self._now() + max(lifetime - _RENEW_SECONDS, lifetime / 2)

    def _discover(self, session: Session) -> str:
        response = _answer(session, "GET", f"{self._base_url.rstrip('/')}/.well-known/smart-configuration")
        token_url = _content(response).get("token_endpoint")
        if not response.ok or not isinstance(token_url, str):
            raise Unavailable(
                f"The FHIR server answered {response.status_code} and no token_endpoint to "
                ".well-known/smart-configuration; name it as imaging.fhir.smart.token_url.",
                wait_seconds=wished_wait_seconds(response),
            )
        if not _is_safe(token_url):
            raise Unavailable(
                "The FHIR server's token_endpoint is no https address, and nothing that proves who we are goes there; "
                "name another as imaging.fhir.smart.token_url."
            )
        return token_url

    def _request(self, session: Session, token_url: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(token_url),
        }
        response = _answer(session, "POST", token_url, form)
        content = _content(response)
        if response.ok and isinstance(content.get("access_token"), str):
            return content
        self.forget()
        error = str(content.get("error"))
        told = f" ({error})" if error in _OAUTH_ERRORS else ""
        mend = _OAUTH_ERRORS.get(error, "look at imaging.fhir.smart.token_url")
        raise Unavailable(
            f"The authorization server answered {response.status_code}{told} and no access token: {mend}.",
            wait_seconds=wished_wait_seconds(response),
        )

    def _assertion(self, token_url: str) -> str:
        try:
            key = SigningKey.of(self._key.text())
        except Unavailable:
            self._key.forget()
            raise
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": token_url,
            "exp": int(self._now()) + _ASSERTION_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, key.private_key, key.algorithm, headers={"kid": key.key_id})


def _answer(session: Session, method: str, url: str, form: Mapping[str, str] | None = None) -> Response:
    try:
        return session.request(
            method,
            url,
            data=form,
            headers={"Accept": "application/json"},
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
    except RequestException as error:
        raise Unavailable(
            f"The authorization server did not answer ({type(error).__name__}); it is tried again."
        ) from None


def _is_safe(token_url: str) -> bool:
    """Whether nobody can listen in: TLS, or this machine."""
    url = urlsplit(token_url)
    return url.scheme == "https" or (url.scheme == "http" and url.hostname in _THIS_MACHINE)


def _content(response: Response) -> Mapping[str, Any]:
    try:
        content = response.json()
    except RequestException:  # no JSON: what it should have said is missing, and that is told
        content = None
    return content if isinstance(content, dict) else {}


def smart_token(settings: Settings) -> SmartToken:
    """The token of `FHIR_SMART_CLIENT_ID`; raises `MissingSetting` where its settings are incomplete."""
    return SmartToken(
        settings["FHIR_BASE_URL"],
        settings["FHIR_SMART_CLIENT_ID"],
        KeptSecret(settings["FHIR_SMART_KEY_SECRET_ARN"]),
        token_url=settings.get("FHIR_SMART_TOKEN_URL"),
        scope=settings.get("FHIR_SMART_SCOPE", DEFAULT_SCOPE),
    )
