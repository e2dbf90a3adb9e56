"""A FHIR R4 server over HTTP, HealthLake or any other."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from requests import RequestException, Response, Session
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from imaging.aws.fhir_answer import Json, content_of, matches_of, objects_in, responses_of
from imaging.aws.request_authorization import (
    BearerToken,
    RenewableAuthorization,
    healthlake_signature,
    no_authorization,
)
from imaging.aws.secret import KeptSecret
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.settings import MissingSetting, Settings

# To connect, and between two bytes of the answer; together with the retries below less than the Lambda's 60 seconds.
_READ_TIMEOUT_SECONDS = (3, 8)
_TRANSACTION_TIMEOUT_SECONDS = (3, 20)
_FHIR_JSON = "application/fhir+json"
_FORM = "application/x-www-form-urlencoded"
_REPEATS = uuid.UUID("7a0c6a6e-5d0c-5d0f-9a39-2d3c4f1f6c11")

_PAGE = "50"
_MOST_PAGES = 20

# https://hl7.org/fhir/R4/search.html#errors: a criterion that the server does not know would be as good as none.
_STRICT = {"Prefer": "handling=strict"}
# HealthLake leaves out of a search what was updated just now, unless it is told not to
# (Developer Guide, "FHIR Search Consistency Levels").
_WHAT_WAS_JUST_WRITTEN_TOO = {"x-amz-fhir-history-consistency-level": "strong"}
_REPEAT_KEY = "x-amz-fhir-idempotency-key"  # Developer Guide, "Idempotency and Concurrency"


class _ShortPatience(Retry):
    """Sits a short trouble out; a server that says when to come back is left alone until then."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return not has_retry_after and super().is_retry(method, status_code)


# For about 3 seconds; a longer trouble is the queue's.
_TO_READ = _ShortPatience(
    total=3,
    read=1,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=("GET", "POST"),  # a POST that reads is a search
    backoff_factor=0.5,
    backoff_jitter=0.5,
    raise_on_status=False,
    respect_retry_after_header=False,
)
# A transaction is not repeated here, unless it never reached the server: it may have been carried out.
_TO_WRITE = _TO_READ.new(allowed_methods=("GET",))


class HttpFhirServer:
    """`imaging.ports.outside.FhirServer` over requests.

    Parameters
    ----------
    base_url
        Of the FHIR API. Transactions are posted to it as it is written here,
        since HealthLake's ends in a slash and others' do not.
    is_healthlake
        Whether it takes HealthLake's own headers.
    """

    def __init__(self, base_url: str, authorization: AuthBase | None = None, *, is_healthlake: bool = False) -> None:
        self._base_url = base_url
        self._root = base_url.rstrip("/")
        self._authorization = authorization
        self._is_healthlake = is_healthlake
        self._to_read = self._session(_TO_READ)
        self._to_write = self._session(_TO_WRITE)
        self._capabilities: Json | None = None

    def capabilities(self) -> Json:
        """Its CapabilityStatement, asked for once."""
        if self._capabilities is None:
            self._capabilities = content_of(self._get("metadata"))
        return self._capabilities

    def read(self, resource_type: str, logical_id: str) -> Json | None:
        """The resource, or None if it is not there (404) or deleted (410)."""
        response = self._get(f"{resource_type}/{logical_id}")
        return None if response.status_code in (404, 410) else content_of(response)

    def search(self, resource_type: str, criteria: Mapping[str, str]) -> Sequence[Json]:
        """All that match, over all pages; see the port for what it raises.

        Criteria name patients, and addresses are logged by everybody on the
        way: they go as a form, which every server that searches has to take
        (https://hl7.org/fhir/R4/http.html#search) and HealthLake recommends.
        """
        headers = _STRICT | (_WHAT_WAS_JUST_WRITTEN_TOO if self._is_healthlake else {})
        form = urlencode({"_count": _PAGE, **criteria}).encode()
        asked = {"data": form, "headers": {**headers, "Content-Type": _FORM}}
        page = content_of(self._ask(self._to_read, "POST", f"{self._root}/{resource_type}/_search", **asked))
        found: list[Json] = []
        for _ in range(_MOST_PAGES):
            found += matches_of(page, resource_type)
            following = _next_page(page, resource_type)
            if following is None:
                return found
            page = content_of(self._get(*following, headers=headers))
        raise Rejected(
            RejectReason.MALFORMED_REQUEST,
            f"The FHIR server finds more {resource_type} resources than {_MOST_PAGES} pages hold; "
            f"it seems to pass over the criteria {', '.join(sorted(criteria))}, which publishing needs.",
        )

    def transact(self, bundle: Mapping[str, Any], repeat_key: str = "") -> Sequence[Json]:
        """Commit a transaction Bundle; see the port for what it raises."""
        headers = {"Content-Type": _FHIR_JSON}
        if repeat_key and self._is_healthlake:
            headers[_REPEAT_KEY] = str(uuid.uuid5(_REPEATS, repeat_key))
        response = self._ask(
            self._to_write,
            "POST",
            self._base_url,
            data=json.dumps(bundle).encode(),
            headers=headers,
            timeout=_TRANSACTION_TIMEOUT_SECONDS,
        )
        return responses_of(response, len(bundle["entry"]))

    def close(self) -> None:
        """Let go of the connections."""
        self._to_read.close()
        self._to_write.close()

    def _session(self, retry: Retry) -> Session:
        session = Session()
        session.auth = self._authorization or no_authorization
        session.headers["Accept"] = _FHIR_JSON
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        return session

    def _get(self, path: str, query: str = "", headers: Mapping[str, str] | None = None) -> Response:
        address = f"{self._root}/{path}".rstrip("/")
        return self._ask(self._to_read, "GET", address, params=query, headers=headers or {})

    def _ask(self, session: Session, method: str, url: str, **asked: Any) -> Response:  # noqa: ANN401 - of requests
        response = self._try(session, method, url, **asked)
        if response.status_code == 401 and isinstance(self._authorization, RenewableAuthorization):
            self._authorization.forget()
            response = self._try(session, method, url, **asked)
        return response

    def _try(self, session: Session, method: str, url: str, **asked: Any) -> Response:  # noqa: ANN401 - of requests
        try:
            return session.request(method, url, **{"timeout": _READ_TIMEOUT_SECONDS, "allow_redirects": False, **asked})
        except RequestException as error:
            raise Unavailable(f"The FHIR server did not answer ({type(error).__name__}); it is tried again.") from None


def _next_page(page: Json, resource_type: str) -> tuple[str, str] | None:
    """Path below the base and query of the link to the next page, if there is one.

    The link's host may be one that only the server itself can reach, and its
    query is written anew, since the two sides of a signature may differ in how
    they read an address that somebody else wrote. Where a server keeps its
    pages below the base and not below the type, that stays.
    """
    links = (link.get("url") for link in objects_in(page, "link") if link.get("relation") == "next")
    url = urlsplit(str(next(links, None) or ""))
    if not url.query:
        return None
    segments = [segment for segment in url.path.split("/") if segment not in ("", "_search")]
    path = resource_type if segments and segments[-1] == resource_type else ""
    return path, urlencode(parse_qsl(url.query, keep_blank_values=True), quote_via=quote, safe="")


def fhir_server(settings: Settings) -> HttpFhirServer:
    """The server of `FHIR_BASE_URL`, asked as `FHIR_AUTHORIZATION` says.

    Raises
    ------
    MissingSetting
        If `FHIR_AUTHORIZATION` is not ``none``, ``bearer``, ``smart`` or
        ``sigv4``, or what that needs is not there.
    """
    base_url = settings["FHIR_BASE_URL"]
    match settings["FHIR_AUTHORIZATION"]:
        case "none":
            return HttpFhirServer(base_url)
        case "bearer":
            return HttpFhirServer(base_url, BearerToken(KeptSecret(settings["FHIR_TOKEN_SECRET_ARN"])))
        case "smart":
            from imaging.aws.smart_token import smart_token  # noqa: PLC0415 - slow to import, and few need it

            return HttpFhirServer(base_url, smart_token(settings))
        case "sigv4":
            return HttpFhirServer(base_url, healthlake_signature(), is_healthlake=True)
        case other:
            raise MissingSetting(f"FHIR_AUTHORIZATION is {other!r}; it can be none, bearer, smart or sigv4.")
