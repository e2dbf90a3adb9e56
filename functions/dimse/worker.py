"""One of the processes that serve associations, all of them on the same sockets."""

import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aws_lambda_powertools import Logger

from functions.dimse.commitment_journal import StructuredCommitmentJournal
from functions.dimse.journal import StructuredJournal
from functions.dimse.signals import Signals
from functions.dimse.supervisor import UNUSABLE_SETTINGS
from imaging.bootstrap import DimseServing
from imaging.dimse.association_limit import AssociationLimit
from imaging.dimse.connection_server import Listening
from imaging.dimse.peers import Peers
from imaging.dimse.server import DimseServer, policy_of
from imaging.errors import nameless
from imaging.settings import MissingSetting, Settings, WrongSetting

Compose = Callable[[Mapping[str, str], Peers, StructuredJournal, StructuredCommitmentJournal], DimseServing]

_LAST_WORDS_SECONDS = 5.0  # for what ends behind the associations


@dataclass(frozen=True)
class Shared:
    """What all workers have in common; none of it holds a connection or a thread.

    Attributes
    ----------
    listening
        Where connections come in that are not encrypted.
    listening_for_tls
        None where there is no TLS.
    workers
        How many there are.
    stop_seconds
        In which associations may end.
    """

    environment: Mapping[str, str]
    compose: Compose
    peers: Peers
    listening: Listening
    listening_for_tls: Listening | None
    limit: AssociationLimit
    workers: int
    stop_seconds: float

    @property
    def all_listening(self) -> list[Listening]:
        """Where connections come in."""
        return [self.listening, *([self.listening_for_tls] if self.listening_for_tls else [])]


class Watch:
    """What the supervisor does for all workers, and says of them."""

    def __init__(self, shared: Shared, journal: StructuredJournal) -> None:
        self._shared = shared
        self._journal = journal

    def serving(self) -> None:
        """See `functions.dimse.supervisor.Watching`."""
        for_tls = self._shared.listening_for_tls
        tls_port = for_tls.port if for_tls else None
        self._journal.listening(self._shared.listening.port, tls_port, self._shared.workers)

    def gone(self, place: int) -> None:
        """See `functions.dimse.supervisor.Watching`: its associations are over."""
        self._shared.limit.clear(place)

    def stopping(self) -> None:
        """See `functions.dimse.supervisor.Watching`: take no connection any more, in any process."""
        for one in self._shared.all_listening:
            one.stop()

    def died(self, code: int) -> None:
        """See `functions.dimse.supervisor.Watching`."""
        self._journal.worker_died(code)

    def minute_passed(self) -> None:
        """See `functions.dimse.supervisor.Watching`."""
        self._journal.in_flight(self._shared.limit.in_flight)

    def failed(self, failure: Exception) -> None:
        """See `functions.dimse.supervisor.Watching`."""
        self._journal.watch_failed(failure)


def work(shared: Shared, place: int, lifeline: int, say_ready: Callable[[], object]) -> int:
    """Serve until SIGTERM comes or the supervisor is gone, let associations end, and return the exit code.

    Parameters
    ----------
    lifeline
        A file that comes to its end when the supervisor does.
    say_ready
        Called when connections are taken.
    """
    signals = Signals(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    shared.limit.count_as(place)
    logger, stopping = Logger(), threading.Event()
    threading.excepthook = lambda failed: logger.error("A thread failed", extra=_place_of(failed))
    journal = StructuredJournal(logger)
    try:
        serving = shared.compose(shared.environment, shared.peers, journal, StructuredCommitmentJournal(logger))
        server = _server(shared, serving, journal)
    except (MissingSetting, WrongSetting) as wrong:
        print(wrong, file=sys.stderr)
        return UNUSABLE_SETTINGS
    beside = [threading.Thread(target=run, args=(stopping,), daemon=True) for run in serving.beside]
    for thread in beside:
        thread.start()
    for one in shared.all_listening:
        one.listen()  # not before: a health check that finds the port open finds somebody behind it
    server.start()
    say_ready()
    signals.wait(files=(lifeline,))
    server.drain(shared.stop_seconds)
    stopping.set()
    for thread in beside:
        thread.join(_LAST_WORDS_SECONDS)
    serving.close()
    return 0


def _server(shared: Shared, serving: DimseServing, journal: StructuredJournal) -> DimseServer:
    settings = Settings(shared.environment)
    listening = [shared.listening]
    if shared.listening_for_tls:
        listening.append(replace(shared.listening_for_tls, secure=serving.secure))
    accepts_unknown = settings.get("DIMSE_UNKNOWN_SOP_CLASSES", "accept") == "accept"
    return DimseServer(
        listening,
        policy_of(settings.spaces, shared.peers, serving.services, accepts_unknown_sop_classes=accepts_unknown),
        serving.services,
        journal,
        limit=shared.limit,
        hint_release=serving.hint_release,
    )


def _place_of(failed: threading.ExceptHookArgs) -> dict[str, str | int | None]:
    return nameless(failed.exc_value) if failed.exc_value else {"failure": failed.exc_type.__name__}
