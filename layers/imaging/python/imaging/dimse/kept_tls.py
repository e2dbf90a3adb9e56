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
        self._old_at = 0.0

    def context(self) -> ssl.SSLContext:
        """The context to use now.

        Raises
        ------
        Unavailable
            There is none yet, and none can be made.
        """
        with self._turn:
            if self._context is None:
                self._context = self._made()
            elif self._clock() >= self._old_at:
                try:
                    self._context = self._made()
                except Unavailable as failure:
                    self._old_at = self._clock() + _TRY_AGAIN_SECONDS
                    self._tell(failure)
            return self._context

    def _made(self) -> ssl.SSLContext:
        for secret in self._secrets:
            secret.forget()
        context = self._make(*(secret.text() for secret in self._secrets))
        self._old_at = self._clock() + LIFETIME_SECONDS
        return context
