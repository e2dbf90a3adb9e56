"""A TLS context made of secrets when it is first needed, and made anew as they may have changed."""

import ssl
import threading
import time
from collections.abc import Callable, Sequence

from imaging.errors import Unavailable
from imaging.ports.secret import Secret

LIFETIME_SECONDS = 3600.0
"""For so long a context is used: a renewed certificate is shown an hour later at most."""

_TRY_AGAIN_SECONDS = 60.0
_TRY_FIRST_AGAIN_SECONDS = 5.0  # who connects meanwhile hears of the failure at once


class KeptTls:
    """One context for all connections of a process; safe for many threads.

    Parameters
    ----------
    make
        Of the secrets' texts.
    tell
        Hears that new secrets cannot be read or used; the context made of
        earlier ones stays.
    """

    def __init__(
        self,
        make: Callable[..., ssl.SSLContext],
        secrets: Sequence[Secret],
        tell: Callable[[Unavailable], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._secrets = secrets
        self._tell = tell
        self._clock = clock
        self._turn = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._failure = ""
        self._old_at = clock()

    def context(self) -> ssl.SSLContext:
        """The context to use now.

        Raises
        ------
        Unavailable
            There is none yet, and none can be made.
        """
        context = self._context
        if self._turn.acquire(blocking=context is None):  # else another thread looks whether there is a newer one
            try:
                if self._clock() >= self._old_at:
                    self._renew()
                context = self._context
            finally:
                self._turn.release()
        if context is None:
            raise Unavailable(self._failure)
        return context

    def _renew(self) -> None:
        try:
            for secret in self._secrets:
                secret.forget()
            self._context = self._make(*(secret.text() for secret in self._secrets))
        except Unavailable as failure:
            self._failure = str(failure)
            if self._context is None:
                self._old_at = self._clock() + _TRY_FIRST_AGAIN_SECONDS
            else:
                self._old_at = self._clock() + _TRY_AGAIN_SECONDS
                self._tell(failure)
        else:
            self._old_at = self._clock() + LIFETIME_SECONDS
