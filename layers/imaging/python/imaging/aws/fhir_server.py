"""A FHIR R4 server over HTTP, HealthLake or any other."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from requests import Response
from requests.auth import AuthBase

from imaging.aws.fhir_answer import Json, content_of, is_absent, matches_of, responses_of
from imaging.aws.fhir_pages import PageAddress
from imaging.aws.fhir_requests import FhirRequests
from imaging.aws.request_authorization import BearerToken, healthlake_signature
from imaging.aws.secret import KeptSecret
from imaging.errors import Rejected, RejectReason
from imaging.settings import MissingSetting, Settings

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
        self._requests = FhirRequests(authorization, accept=_FHIR_JSON)
        self._is_healthlake = is_healthlake
        self._capabilities: Json | None = None

    def allow(self, seconds: float) -> None:
        """Give all requests from now on so long together; what takes longer is `Unavailable`."""
        self._requests.allow(seconds)

    def capabilities(self) -> Json:
        """Its CapabilityStatement, asked for once."""
        if self._capabilities is None:
            self._capabilities = content_of(self._get("metadata"), "CapabilityStatement")
        return self._capabilities

    def read(self, resource_type: str, logical_id: str) -> Json | None:
        """The resource, or None if it is not there (404) or deleted (410)."""
        response = self._get(f"{resource_type}/{logical_id}")
        return None if is_absent(response) else content_of(response, resource_type, id=logical_id)

    def search(self, resource_type: str, criteria: Mapping[str, str]) -> Sequence[Json]:
        """All that match, over all pages; see the port for what it raises.

        Criteria name patients, and addresses are logged by everybody on the
        way: they go as a form, which every server that searches has to take
        (https://hl7.org/fhir/R4/http.html#search) and HealthLake recommends.
        So does the query of a link to a further page, which repeats them.
        """
        address = PageAddress.first(resource_type, {"_count": _PAGE, **criteria})
        found: list[Json] = []
        for _ in range(_MOST_PAGES):
            page = self._page(address)
            found += matches_of(page, resource_type)
            following = PageAddress.following(page, resource_type)
            if following is None:
                return found
            address = following
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
        response = self._requests.write(self._base_url, json.dumps(bundle).encode(), headers)
        return responses_of(response, len(bundle["entry"]))

    def close(self) -> None:
        """Let go of the connections."""
        self._requests.close()

    def _page(self, address: PageAddress) -> Json:
        headers = _STRICT | (_WHAT_WAS_JUST_WRITTEN_TOO if self._is_healthlake else {})
        if address.path:
            form = urlencode(address.query).encode()
            asked = {"data": form, "headers": {**headers, "Content-Type": _FORM}}
            response = self._requests.read("POST", f"{self._root}/{address.path}", **asked)
        else:
            query = urlencode(address.query, quote_via=quote, safe="")
            response = self._requests.read("GET", self._root, params=query, headers=headers)
        return content_of(response, "Bundle", type="searchset")

    def _get(self, path: str) -> Response:
        return self._requests.read("GET", f"{self._root}/{path}")


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
