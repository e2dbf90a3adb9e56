"""An address of somebody else that takes POST requests, and what its answers mean for a delivery."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, runtime_checkable

from requests import PreparedRequest, RequestException, Session
from requests.auth import AuthBase
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from imaging.errors import Rejected, RejectReason, Unavailable

_ANSWER_BYTES = 1024 * 1024  # nobody needs more to answer for a batch
_PIECE_BYTES = 64 * 1024
_CONNECT_SECONDS = 10  # and for each piece of a body to be taken
_ANSWER_SECONDS = 120  # between the end of the body and the answer, and between two bytes of that

# Of urllib3, where the other side had been reached.
_UNDER_WAY = (ProtocolError, ReadTimeoutError, DecodeError)

# RFC 9110 Section 15, RFC 6585, RFC 8470: each can pass without anybody changing a thing.
_MAY_PASS = frozenset({408, 425, 429})
_LONGEST_WAIT_SECONDS = 900

# They speak of the address and not of what was sent: everything else would meet the same until somebody mends it.
_OF_THE_ADDRESS = {
    401: "it does not know us; mend the binding's authorization",
    403: "it does not let us; mend the binding's authorization, or what the target allows it",
    404: "there is nothing at that address; mend the binding's {setting}",
    405: "that address takes no POST; mend the binding's {setting}",
    410: "there is nothing at that address any more; mend or remove the binding's {setting}",
    411: "it takes no request of ours; mend what stands before the target",
}
_REFUSALS = {
    413: "it takes nothing so large",
    415: "it takes nothing of this media type or transfer syntax",
}


class TargetUnavailable(Unavailable):
    """The address takes nothing now, whatever it is that is sent."""


@runtime_checkable
class _Renewable(Protocol):
    """An authorization that can be read anew."""

    def forget(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    """What came back: a status, and the beginning of its content, which is all that a batch needs."""

    status: int
    content: bytes
    retry_after: str = ""

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
        TargetUnavailable
            Nobody answers there, or the answer is one to whatever is sent there: a redirection, 401, 404, 429.
        Unavailable
            The connection broke with the request under way, or 5xx: another
            request may fare better. Or what the body itself raises.
        """
        answer = self._post(body, headers)
        if answer.status == 401 and isinstance(self._authorization, _Renewable):
            self._authorization.forget()
            answer = self._post(body, headers)
        if unavailable := self._unavailable(answer):
            raise unavailable
        return answer

    def refusal(self, answer: Answer) -> Rejected:
        """Why what was sent is not taken; nothing of the answer's own words."""
        what = _REFUSALS.get(answer.status, "it refuses what was sent, for good; its own log says why")
        return Rejected(RejectReason.MALFORMED_REQUEST, f"The target answers {answer.status}: {what}.")

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
                content = _beginning(response.iter_content(_PIECE_BYTES))
                return Answer(response.status_code, content, response.headers.get("Retry-After", ""))
        except RequestException as failure:
            was_under_way = isinstance(next(iter(failure.args), None), _UNDER_WAY)
            raise (Unavailable if was_under_way else TargetUnavailable)(
                f"The target does not answer ({type(failure).__name__}); it is tried again."
            ) from None

    def _unavailable(self, answer: Answer) -> Unavailable | None:
        if answer.status >= 500 or answer.status in _MAY_PASS:
            return (Unavailable if answer.status >= 500 else TargetUnavailable)(
                f"The target answers {answer.status}; it is tried again.",
                wait_seconds=_seconds_until(answer.retry_after),
            )
        if answer.status // 100 == 3:
            what = "redirections are not followed; name the final address as the binding's {setting}"
        elif answer.status in _OF_THE_ADDRESS:
            what = _OF_THE_ADDRESS[answer.status]
        else:
            return None
        return TargetUnavailable(f"The target answers {answer.status}: {what.format(setting=self._setting)}.")


def _beginning(pieces: Iterator[bytes]) -> bytes:
    """Up to the bound: of a chunked answer each piece is one of its chunks, however small."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) >= _ANSWER_BYTES:
            break
    return bytes(content[:_ANSWER_BYTES])


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
