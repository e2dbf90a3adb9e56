"""An address of somebody else that takes POST requests, and what its answers mean for a delivery."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, runtime_checkable

from requests import PreparedRequest, RequestException, Session
from requests.auth import AuthBase

from imaging.errors import Rejected, RejectReason, Unavailable

_ANSWER_BYTES = 1024 * 1024  # nobody needs more to answer for a batch
_CONNECT_SECONDS = 10  # and for each piece of a body to be taken
_ANSWER_SECONDS = 120  # between the end of the body and the answer, and between two bytes of that

# RFC 9110 Section 15, RFC 6585, RFC 8470: each can pass without anybody changing a thing.
_MAY_PASS = frozenset({408, 425, 429})
_LONGEST_WAIT_SECONDS = 900

_REFUSALS = {
    401: "it does not know us; mend the binding's authorization",
    403: "it does not let us; mend the binding's authorization, or what the target allows it",
    404: "there is nothing at that address; mend the binding's {setting}",
    405: "that address takes no POST; mend the binding's {setting}",
    410: "there is nothing at that address any more; mend or remove the binding's {setting}",
    413: "it takes nothing so large",
    415: "it takes nothing of this media type or transfer syntax",
}


@runtime_checkable
class _Renewable(Protocol):
    """An authorization that can be read anew."""

    def forget(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    """What came back: a status, and its content if it is no longer than what a batch needs."""

    status: int
    content: bytes

    @property
    def is_success(self) -> bool:
        """2xx."""
        return self.status // 100 == 2


class HttpEndpoint:
    """Posts to one address; redirections are not followed.

    Parameters
    ----------
    setting
        The key of the binding's target that names the address, for sentences.
    """

    def __init__(
        self,
        address: str,
        setting: str,
        authorization: AuthBase | None = None,
        *,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        self._address = address
        self._setting = setting
        self._authorization = authorization
        self._timeout = (_CONNECT_SECONDS, answer_seconds)
        self._session = Session()
        self._session.auth = authorization or _no_authorization  # never one out of a .netrc

    def post(self, body: Iterable[bytes] | bytes, headers: Mapping[str, str]) -> Answer:
        """Post once; a token that is not taken is read anew and tried once more.

        Parameters
        ----------
        body
            Pieces with a length in all (``len``) that can be gone through more than once.

        Raises
        ------
        Unavailable
            No answer, 408, 425, 429 or 5xx; or what the body itself raises.
        """
        answer = self._post(body, headers)
        if answer.status == 401 and isinstance(self._authorization, _Renewable):
            self._authorization.forget()
            answer = self._post(body, headers)
        return answer

    def refusal(self, answer: Answer) -> Rejected:
        """Why nothing that is sent there is taken, or this thing is not; nothing of the answer's own words."""
        if answer.status // 100 == 3:
            what = "redirections are not followed; name the final address as the binding's {setting}"
        else:
            what = _REFUSALS.get(answer.status, "it refuses what was sent, for good; its own log says why")
        return Rejected(
            RejectReason.MALFORMED_REQUEST, f"The target answers {answer.status}: {what.format(setting=self._setting)}."
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _post(self, body: Iterable[bytes] | bytes, headers: Mapping[str, str]) -> Answer:
        try:
            with self._session.post(
                self._address,
                data=body,
                headers=dict(headers),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                status, retry_after = response.status_code, response.headers.get("Retry-After", "")
                content = next(response.iter_content(_ANSWER_BYTES), b"")
        except RequestException as failure:
            raise Unavailable(f"The target does not answer ({type(failure).__name__}); it is tried again.") from None
        if status in _MAY_PASS or status >= 500:
            raise Unavailable(
                f"The target answers {status}; it is tried again.", wait_seconds=_seconds_until(retry_after)
            )
        return Answer(status, content)


def _no_authorization(request: PreparedRequest) -> PreparedRequest:
    return request


def _seconds_until(retry_after: str) -> float:
    """Retry-After, RFC 9110 Section 10.2.3: seconds or a date; 0 for neither."""
    if re.fullmatch("[0-9]{1,9}", retry_after):
        return min(int(retry_after), _LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0
    wait = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(wait, 0), _LONGEST_WAIT_SECONDS)
