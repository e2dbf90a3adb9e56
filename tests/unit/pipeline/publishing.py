"""Stage 5 with its surroundings in memory."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from imaging.fhir.policy import PublishingPolicy
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError, Publication
from imaging.model.revision import Revision
from imaging.model.study import Study, StudyState
from imaging.pipeline.publish_study import TURN, Attempt, Published, PublishStudy
from imaging.ports.outside import FhirServer
from imaging.ports.publication import PublicationLease
from tests.fakes import Clock, InMemoryObjects
from tests.unit.fhir.fake_server import BY_ID, Abilities, FakeFhirServer
from tests.unit.fhir.samples import LINKS, SPACE

NOW = datetime(2026, 11, 21, 20, 55, tzinfo=UTC)
FIRST, LAST = Attempt(1, is_last=False), Attempt(100, is_last=True)


class FakeFence:
    """Knows the number of each study's latest revision."""

    def __init__(self) -> None:
        self.numbers: dict[StudyKey, int] = {}

    def read_study(self, study: StudyKey) -> Study | None:
        if study not in self.numbers:
            return None
        return Study(
            key=study,
            state=StudyState.FINAL,
            changes=1,
            opened_at=NOW,
            last_change_at=NOW,
            revision=self.numbers[study],
            claim=None,
            series=1,
            instances=1,
            modalities=(),
            attributes={},
        )


@dataclass
class FakePending:
    """Remembers which marks were removed."""

    published: list[tuple[StudyKey, int]] = field(default_factory=list)

    def revision_published(self, study: StudyKey, number: int) -> None:
        self.published.append((study, number))


class FakeRevisions(dict[tuple[StudyKey, int], Revision]):
    """A `RevisionArchive` to read from."""

    def read(self, study: StudyKey, number: int) -> Revision | None:
        return self.get((study, number))


class FakePublications:
    """An `imaging.ports.publication.Publications`, with the entries for `imaging errors`."""

    def __init__(self) -> None:
        self.publications: dict[StudyKey, Publication] = {}
        self.entries: dict[tuple[StudyKey, bool], FhirError] = {}
        self._leases: dict[StudyKey, tuple[str, datetime]] = {}

    def lease(self, study: StudyKey, token: str, *, now: datetime, until: datetime) -> PublicationLease | None:
        holder, leased_until = self._leases.get(study, ("", now))
        if holder not in ("", token) and now <= leased_until:
            return None
        self._leases[study] = token, until
        return PublicationLease(token, self.read(study))

    def noted(self, lease: PublicationLease, so_far: Publication) -> bool:
        if not self._has(lease, so_far.study):
            return False
        self.publications[so_far.study] = so_far
        return True

    def published(self, lease: PublicationLease, after: Publication, entries: Sequence[FhirError]) -> bool:
        if not self._let_go(lease, after.study):
            return False
        self.publications[after.study] = after
        for is_invalid in (True, False):
            self.entries.pop((after.study, is_invalid), None)
        for entry in entries:
            self.entries[after.study, entry.kind is ErrorKind.INVALID_TAG] = entry
        return True

    def failed(self, error: FhirError, lease: PublicationLease | None) -> None:
        if lease is None:
            is_ours = self.read(error.study).revision < error.revision
        else:
            is_ours = self._let_go(lease, error.study)
        if is_ours:
            self.entries[error.study, error.kind is ErrorKind.INVALID_TAG] = error

    def read(self, study: StudyKey) -> Publication:
        return self.publications.get(study, Publication(study))

    def _let_go(self, lease: PublicationLease, study: StudyKey) -> bool:
        if not self._has(lease, study):
            return False
        del self._leases[study]
        return True

    def _has(self, lease: PublicationLease, study: StudyKey) -> bool:
        return self._leases.get(study, ("",))[0] == lease.token


class FakeKnownResources:
    """An `imaging.ports.publication.KnownResources`."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self._claims: dict[str, tuple[str, datetime]] = {}
        self._spoken_at: dict[str, datetime] = {}

    def find(self, name: str) -> str | None:
        return self.ids.get(name)

    def claim(self, name: str, token: str, *, now: datetime, until: datetime) -> bool:
        holder, claimed_until = self._claims.get(name, ("", now))
        if name in self.ids or (holder not in ("", token) and now <= claimed_until):
            return False
        self._claims[name] = token, until
        return True

    def remember(self, name: str, logical_id: str) -> None:
        self.ids[name] = logical_id
        self._claims.pop(name, None)

    def give_back(self, name: str, token: str) -> None:
        if self._claims.get(name, ("",))[0] == token:
            del self._claims[name]

    def forget(self, name: str, logical_id: str) -> None:
        if self.ids.get(name) == logical_id:
            del self.ids[name]

    def speaks(self, name: str, at: datetime) -> bool:
        if at < self._spoken_at.get(name, at):
            return False
        self._spoken_at[name] = at
        return True


class Publishing:
    """The stage with its surroundings.

    Parameters
    ----------
    wrapped
        Puts something between the stage and each of its ports.
    """

    def __init__(
        self,
        abilities: Abilities = BY_ID,
        wrapped: Callable[[Any], Any] = lambda port: port,
        **policy: Any,
    ) -> None:
        self.fence, self.pending, self.revisions = FakeFence(), FakePending(), FakeRevisions()
        self.publications, self.known = FakePublications(), FakeKnownResources()
        self.objects, self.clock = InMemoryObjects(), Clock()
        self.server = FakeFhirServer(abilities)
        self.slept: list[float] = []
        self.policy = PublishingPolicy(**policy)
        self._tokens, self._lock = count(1), threading.Lock()
        self.use(self.server, wrapped)

    def use(self, server: FhirServer, wrapped: Callable[[Any], Any] = lambda port: port) -> None:
        self.stage = self.process(server, wrapped)

    def process(self, server: FhirServer, wrapped: Callable[[Any], Any]) -> PublishStudy:
        """One of those that publish side by side."""
        return PublishStudy(
            wrapped(self.fence),
            wrapped(self.pending),
            wrapped(self.revisions),
            wrapped(server),
            wrapped(self.publications),
            wrapped(self.known),
            wrapped(self.objects),
            links=LINKS,
            spaces={name: replace(SPACE, name=name) for name in ("main", "other")},
            policy=self.policy,
            clock=self.clock,
            new_token=self._new_token,
            sleep=self.slept.append,
        )

    def publish(self, study: StudyKey, number: int, attempt: Attempt = FIRST) -> Published:
        return self.stage(study, number, attempt)

    def finalize(self, made: Revision) -> None:
        self.revisions[made.study, made.number] = made
        self.fence.numbers[made.study] = made.number

    def wait(self, time: timedelta = TURN) -> None:
        self.clock.now += time

    @property
    def marks_removed(self) -> list[int]:
        return [number for _, number in self.pending.published]

    @property
    def entries(self) -> list[tuple[ErrorKind, str]]:
        return [(entry.kind, entry.message) for entry in self.publications.entries.values()]

    def version_counts(self) -> dict[str, int]:
        return {url.partition("/")[0]: len(versions) for url, versions in self.server.versions.items()}

    def _new_token(self) -> str:
        with self._lock:
            return f"token {next(self._tokens)}"
