"""A whole endpoint in memory: the real server and use case, over a dictionary in place of S3."""

import threading
from datetime import datetime

from pynetdicom.dimse_primitives import C_ECHO, C_STORE

from imaging.dimse.accepted_association import Served, Services
from imaging.dimse.association_limit import AssociationLimit
from imaging.dimse.c_echo import VERIFICATION, CEcho
from imaging.dimse.c_store import CStore
from imaging.dimse.connection_server import Secure, listening_at
from imaging.dimse.journal import AssociationRecord, Refusal
from imaging.dimse.peers import Peers
from imaging.dimse.server import DimseServer, policy_of
from imaging.model.identifiers import StudyKey
from imaging.pipeline.hint_release import HintRelease
from imaging.pipeline.store_instance import StoreInstance
from imaging.settings import Hint, OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects

SPACES = {
    name: Space(name, f"bucket-{name}", name.upper(), OtherBytes.REPLACE, "urn:x", finish_on=finish_on)
    for name, finish_on in (("main", frozenset({Hint.ASSOCIATION_RELEASED})), ("research", frozenset[Hint]()))
}


class HeldObjects(InMemoryObjects):
    """Objects in memory; a write can be held, and it can fail."""

    def __init__(self) -> None:
        super().__init__(SPACES)
        self.open = threading.Event()
        self.open.set()
        self.waiting = threading.Semaphore(0)
        self.failure: Exception | None = None
        self.before_put = self._hold

    def _hold(self, _object_key: str) -> None:
        self.waiting.release()
        self.open.wait(30)
        if self.failure:
            raise self.failure


class JournalInMemory:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.failures: list[Exception] = []
        self.not_sent_for: list[tuple[str, list[str]]] = []
        self.hints_lost: list[AssociationRecord] = []
        self.associations: list[AssociationRecord] = []
        self.handshakes_failed: list[tuple[str, str]] = []
        self.certificates_missing: list[str] = []
        self.certificates_kept: list[str] = []
        self._told = threading.Condition()

    def refused(self, association, refusal):
        self.refusals.append(refusal)

    def not_sent(self, association, cause, sop_instance_uids):
        self.not_sent_for.append((cause, list(sop_instance_uids)))

    def ended(self, association):
        with self._told:
            self.associations.append(association)
            self._told.notify_all()

    def failed(self, association, operation, failure):
        self.failures.append(failure)

    def hint_lost(self, association, failure):
        self.hints_lost.append(association)

    def handshake_failed(self, address, why):
        with self._told:
            self.handshakes_failed.append((address, why))
            self._told.notify_all()

    def certificate_missing(self, failure):
        self.certificates_missing.append(str(failure))

    def certificate_kept(self, failure):
        self.certificates_kept.append(str(failure))

    def wait_for(self, count: int) -> list[AssociationRecord]:
        """The associations, when so many have ended."""
        with self._told:
            assert self._told.wait_for(lambda: len(self.associations) >= count, timeout=10)
        return self.associations


class FinalizerQueueInMemory:
    """Keeps the hints it is given, or takes none."""

    def __init__(self) -> None:
        self.hints: list[tuple[list[StudyKey], datetime]] = []
        self.failure: Exception | None = None

    def released(self, studies, at):
        if self.failure:
            raise self.failure
        self.hints.append((list(studies), at))


class Endpoint:
    """What a test speaks to, and looks into.

    Parameters
    ----------
    services
        Beside C-ECHO and C-STORE, by the kind of request.
    """

    def __init__(
        self,
        services: Services | None = None,
        *,
        peers: Peers | None = None,
        accepts_unknown_sop_classes: bool = True,
        secure: Secure | None = None,
        max_associations: int = 32,
        max_object_bytes: int = 2**30,
    ) -> None:
        self.archive = HeldObjects()
        self.journal = JournalInMemory()
        self.finalizer = FinalizerQueueInMemory()
        self.clock = Clock()
        self.limit = AssociationLimit(max_associations)
        store = StoreInstance(self.archive, SPACES, self.clock)
        served = {
            C_ECHO: Served(CEcho(), frozenset({VERIFICATION})),
            C_STORE: Served(CStore(store, self.journal, max_object_bytes)),
            **(services or {}),
        }
        self.server = DimseServer(
            [listening_at(("127.0.0.1", 0), secure)],
            policy_of(SPACES, peers or Peers(), served, accepts_unknown_sop_classes=accepts_unknown_sop_classes),
            served,
            self.journal,
            limit=self.limit,
            hint_release=HintRelease(self.finalizer, SPACES, self.clock),
        )
        self.server.start()

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def stored(self) -> dict[tuple[str, str], bytes]:
        """Bytes by space and object key, now."""
        return {
            (space, key): self.archive.versions(key, space)[-1].body
            for space in SPACES
            for key in self.archive.keys(space)
        }

    def stop(self) -> None:
        self.archive.open.set()
        self.server.drain(0)
