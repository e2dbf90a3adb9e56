"""A FHIR R4 server over HTTP, HealthLake or any other."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from requests import RequestException, Response, Session
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from imaging.aws.request_authorization import BearerToken, healthlake_signature
from imaging.aws.secret import KeptSecret
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.settings import MissingSetting, Settings

# To connect, and between two bytes of the answer; together with the retries below less than the Lambda's 30 seconds.
_READ_TIMEOUT_SECONDS = (3, 8)
_TRANSACTION_TIMEOUT_SECONDS = (3, 20)
_FHIR_JSON = "application/fhir+json"
_ISSUE_CODE = re.compile(r"[a-z][a-z-]{0,31}\Z")  # https://hl7.org/fhir/R4/valueset-issue-type.html

# Authorisation refused, too slow, a version conflict (409, 412), locked, too early, too many requests: none
# speaks of the content, and each can pass.
_MAY_PASS = frozenset({401, 403, 408, 409, 412, 423, 425, 429})

# A short trouble is sat out here, for about 3 seconds; a longer one is the queue's. A transaction is not repeated
# here, unless it never reached the server: it may have been carried out.
_RETRY = Retry(
    total=3,
    read=1,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=("GET",),
    backoff_factor=0.5,
    backoff_jitter=0.5,
    raise_on_status=False,
    respect_retry_after_header=False,  # it may ask for more than a Lambda's life
)


class HttpFhirServer:
    """`imaging.ports.outside.FhirServer` over requests.

    Parameters
    ----------
    base_url
        Of the FHIR API. Transactions are posted to it as it is written here,
        since HealthLake's ends in a slash and others' do not.
    """

    def __init__(self, base_url: str, authorization: AuthBase | None = None) -> None:
        self._base_url = base_url
        self._authorization = authorization
        self._session = Session()
        self._session.auth = authorization
        self._session.headers["Accept"] = _FHIR_JSON
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRY))

    def read(self, resource_type: str, logical_id: str) -> Mapping[str, Any] | None:
        """The resource, or None if it is not there (404) or deleted (410)."""
        response = self._send("GET", f"{self._base_url.rstrip('/')}/{resource_type}/{logical_id}")
        if response.status_code in (404, 410):
            return None
        _raise_unless_success(response.status_code, response)
        resource: Mapping[str, Any] = _json(response)
        return resource

    def transact(self, bundle: Mapping[str, Any]) -> None:
        """Commit a transaction Bundle; see the port for what it raises."""
        response = self._send("POST", self._base_url, json.dumps(bundle).encode())
        _raise_unless_success(response.status_code, response)
        for status in _entry_statuses(_json(response)):
            _raise_unless_success(status, response)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _send(self, method: str, url: str, body: bytes | None = None) -> Response:
        response = self._try(method, url, body)
        if response.status_code == 401 and isinstance(self._authorization, BearerToken):
            self._authorization.forget()
            response = self._try(method, url, body)
        return response

    def _try(self, method: str, url: str, body: bytes | None) -> Response:
        headers = {} if body is None else {"Content-Type": _FHIR_JSON}
        timeout = _READ_TIMEOUT_SECONDS if body is None else _TRANSACTION_TIMEOUT_SECONDS
        try:
            return self._session.request(
                method, url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            )
        except RequestException as error:
            raise Unavailable(f"The FHIR server did not answer ({type(error).__name__}); it is tried again.") from None


def _json(response: Response) -> Any:  # noqa: ANN401 - JSON
    try:
        return response.json() if response.content else {}
    except RequestException:
        raise Unavailable("The FHIR server's answer is not JSON; is FHIR_BASE_URL a FHIR server's?") from None


def _entry_statuses(answer: Any) -> Iterator[int]:  # noqa: ANN401 - JSON
    """What a transaction-response says of each entry; a server may say nothing."""
    for entry in answer.get("entry", []) if isinstance(answer, dict) else []:
        status = str(entry.get("response", {}).get("status", ""))[:3]
        if status.isdigit():
            yield int(status)


def _raise_unless_success(status: int, response: Response) -> None:
    if status // 100 == 2:
        return
    sentence = f"The FHIR server answered {status}{_issue_codes(response)}"
    if status in _MAY_PASS or status >= 500:
        raise Unavailable(f"{sentence}; it is tried again.")
    raise Rejected(RejectReason.MALFORMED_REQUEST, f"{sentence}: it refuses the study's resources as they are.")


def _issue_codes(response: Response) -> str:
    """The codes of an OperationOutcome; its texts may quote the patient, so they go no further."""
    try:
        issues = response.json().get("issue", [])
        codes = sorted({code for issue in issues if _ISSUE_CODE.match(code := str(issue.get("code", "")))})
    except (RequestException, AttributeError, TypeError):
        return ""
    return f" ({', '.join(codes)})" if codes else ""


def fhir_server(settings: Settings) -> HttpFhirServer:
    """The server of `FHIR_BASE_URL`, asked as `FHIR_AUTHORIZATION` says.

    Raises
    ------
    MissingSetting
        If `FHIR_AUTHORIZATION` is not ``none``, ``bearer`` or ``sigv4``.
    """
    authorization: AuthBase | None
    match settings["FHIR_AUTHORIZATION"]:
        case "none":
            authorization = None
        case "bearer":
            authorization = BearerToken(KeptSecret(settings["FHIR_TOKEN_SECRET_ARN"]))
        case "sigv4":
            authorization = healthlake_signature()
        case other:
            raise MissingSetting(f"FHIR_AUTHORIZATION is {other!r}; it can be none, bearer or sigv4.")
    return HttpFhirServer(settings["FHIR_BASE_URL"], authorization)
