"""How long a FHIR server is waited for, and how often it is asked."""

import logging
import math
import time
from typing import Any

from requests import RequestException, Response, Session
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from imaging.aws.request_authorization import RenewableAuthorization, no_authorization
from imaging.errors import Unavailable

# To connect, and between two bytes of the answer.
_READ_TIMEOUT_SECONDS = (3.0, 8.0)
_TRANSACTION_TIMEOUT_SECONDS = (3.0, 20.0)
_LONGEST_REQUEST_SECONDS = 40  # with all the retries below; with less time left a request is tried once
_SHORTEST_READ_SECONDS = 1


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


class FhirRequests:
    """Requests that sit a short trouble out, and together take no longer than they may.

    All of it raises `Unavailable` where there is no answer.
    """

    def __init__(self, authorization: AuthBase | None, *, accept: str) -> None:
        self._authorization = authorization
        self._to_read = self._session(_TO_READ, accept)
        self._to_write = self._session(_TO_WRITE, accept)
        self._in_haste = self._session(Retry(0), accept)
        self._deadline = math.inf
        # It warns of each broken connection with the address that was asked for, which may name a patient.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    def allow(self, seconds: float) -> None:
        """Give all requests from now on so long together."""
        self._deadline = time.monotonic() + seconds

    def read(self, method: str, url: str, **asked: Any) -> Response:  # noqa: ANN401 - of requests
        """Ask for something; repeated if need be."""
        return self._ask(self._to_read, method, url, timeout=_READ_TIMEOUT_SECONDS, **asked)

    def write(self, url: str, body: bytes, headers: dict[str, str]) -> Response:
        """Post what may be carried out once only."""
        timeout = _TRANSACTION_TIMEOUT_SECONDS
        return self._ask(self._to_write, "POST", url, timeout=timeout, data=body, headers=headers)

    def close(self) -> None:
        """Let go of the connections."""
        for session in (self._to_read, self._to_write, self._in_haste):
            session.close()

    def _session(self, retry: Retry, accept: str) -> Session:
        session = Session()
        session.auth = self._authorization or no_authorization
        session.headers["Accept"] = accept
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        return session

    def _ask(self, session: Session, method: str, url: str, **asked: Any) -> Response:  # noqa: ANN401 - of requests
        response = self._try(session, method, url, **asked)
        if response.status_code == 401 and isinstance(self._authorization, RenewableAuthorization):
            self._authorization.forget()
            response = self._try(session, method, url, **asked)
        return response

    def _try(
        self,
        session: Session,
        method: str,
        url: str,
        *,
        timeout: tuple[float, float],
        **asked: Any,  # noqa: ANN401 - of requests
    ) -> Response:
        left = self._deadline - time.monotonic()
        connect, read = timeout
        if left < connect + _SHORTEST_READ_SECONDS:
            raise Unavailable("The FHIR server answers so slowly that this try has no time left; it is tried again.")
        if left < _LONGEST_REQUEST_SECONDS:
            session, timeout = self._in_haste, (connect, min(read, left - connect))
        try:
            return session.request(method, url, timeout=timeout, allow_redirects=False, **asked)
        except RequestException as error:
            raise Unavailable(f"The FHIR server did not answer ({type(error).__name__}); it is tried again.") from None
