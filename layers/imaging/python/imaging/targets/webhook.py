"""A subscriber's own address: each event in a POST request that it can verify."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from imaging.distribution.notice import natural_key, notice
from imaging.model.events import Event
from imaging.ports.secret import Secret
from imaging.settings import WrongSetting
from imaging.targets.http_endpoint import HttpEndpoint

_ANSWER_SECONDS = 30
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Webhook:
    """`imaging.ports.delivery.NoticeTarget`.

    ``Imaging-Signature: t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>" in hex>`` proves who sends and when;
    ``Idempotency-Key`` is the same for every repeat of a notice.

    Raises
    ------
    WrongSetting
        If the address is not ``https``.
    """

    def __init__(self, address: str, signing_secret: Secret, clock: Callable[[], datetime]) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise WrongSetting("A binding's webhook must be an https address.")
        proof = _Signature(signing_secret, clock)
        self._endpoint = HttpEndpoint(address, "webhook", proof, answer_seconds=_ANSWER_SECONDS)

    def tell(self, event: Event) -> None:
        """Post the event; see the port."""
        idempotency_key = f'"{natural_key(event)}"'  # a string as RFC 9651 writes it
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        answer = self._endpoint.post(notice(event).encode(), headers)
        if not answer.is_success:
            raise self._endpoint.refusal(answer)

    def close(self) -> None:
        """Let go of the connection."""
        self._endpoint.close()


class _Signature(AuthBase):
    """Signs the body; a secret that may have been changed since it was read can be forgotten."""

    def __init__(self, secret: Secret, clock: Callable[[], datetime]) -> None:
        self._secret = secret
        self._clock = clock

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        assert isinstance(request.body, bytes)
        seconds = int(self._clock().timestamp())
        request.headers["Imaging-Signature"] = signature(self._secret.text(), seconds, request.body)
        return request

    def forget(self) -> None:
        self._secret.forget()


def signature(secret: str, seconds: int, body: bytes) -> str:
    """What a receiver computes anew and compares; it refuses a moment that is not now."""
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
