"""A study, a binding, its target and its queue, in memory."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from imaging.distribution.deliver import Deliver
from imaging.distribution.deliver_instance import DeliverInstance, sending, telling
from imaging.distribution.deliver_study import DeliverStudy
from imaging.distribution.entries import Entries
from imaging.distribution.hint import message_of, set_aside
from imaging.distribution.study_work import ReadStudyWork
from imaging.distribution.tell_revisions import RevisionFilter, TellRevisions
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.binding import Binding, BindingFilter, Occasion, TargetKind
from imaging.model.delivery import Delivered, Delivery, Result
from imaging.model.events import Event, instance_changed, study_revised
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action, Arrival, Door, Instance
from imaging.model.links import Links
from imaging.model.revision import Revision, RevisionInstance, RevisionSeries
from imaging.model.study import Study, StudyState
from imaging.ports.delivery import Sent
from imaging.ports.ledger import DeliveryLedger
from imaging.ports.manifest import CommittedRevision
from tests.fakes import START, InMemoryLedger
from tests.interleaving import Actor, Stepwise
from tests.unit.fhir.samples import CT_IMAGE_STORAGE, attributes

LINKS = Links("https://imaging.example.org")
STUDY = StudyKey("main", "1.2.3")
A_LONG_TIME = timedelta(minutes=10)


class Clock:
    """Goes on a millisecond whenever it is read."""

    def __init__(self) -> None:
        self._ticks = count()
        self.skipped = timedelta(0)

    def __call__(self) -> datetime:
        return START + self.skipped + timedelta(milliseconds=next(self._ticks))


def key_of(place: int) -> InstanceKey:
    return InstanceKey("main", "1.2.3", f"1.2.3.{place // 2}", f"1.2.3.{place // 2}.{place}")


def binding_to(
    kind: TargetKind,
    on: Occasion = Occasion.INSTANCE,
    *,
    name: str = "to-there",
    **wanted: Any,
) -> Binding:
    return Binding(name, on, BindingFilter(**wanted), {kind.value: "there"})


class FakeManifest:
    """One study: its rows and revisions, by all the ports that read them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows: dict[InstanceKey, Instance] = {}
        self.revisions: list[tuple[CommittedRevision, Revision]] = []

    def change(self, place: int, action: Action, **values: str) -> Instance:
        key = key_of(place)
        number = self.rows[key].change_number + 1 if key in self.rows else 1
        arrival = Arrival(f"digest {number}", "1.2.840.10008.1.2.1", Door.C_STORE, self._clock(), "CT1")
        known = attributes(**{"Modality": "CT", **values})
        self.rows[key] = Instance(key, number, action, f"v{number}", 100, arrival, CT_IMAGE_STORAGE, known)
        return self.rows[key]

    def revise(self) -> CommittedRevision:
        present = sorted((row for row in self.rows.values() if not row.deleted), key=lambda row: row.key)
        number, uids = len(self.revisions) + 1, sorted({row.key.series_instance_uid for row in present})
        series = tuple(
            RevisionSeries(
                uid,
                "",
                "CT",
                {},
                tuple(_as_revised(row) for row in present if row.key.series_instance_uid == uid),
            )
            for uid in uids
        )
        revision = Revision(STUDY, number, self._clock(), number, (), (), (), {}, series)
        committed = CommittedRevision(STUDY, number, revision.created_at, "claim", revision.counts)
        self.revisions.append((committed, revision))
        return committed

    def read_instance(self, key: InstanceKey) -> Instance | None:
        return self.rows.get(key)

    def read_instances_at(self, keys: Sequence[InstanceKey]) -> list[Instance]:
        return [self.rows[key] for key in keys if key in self.rows and not self.rows[key].deleted]

    def read_instances(self, study: StudyKey) -> Iterator[Instance]:
        return iter(sorted((row for row in self.rows.values() if not row.deleted), key=lambda row: row.key))

    def read_study(self, study: StudyKey) -> Study | None:
        if not self.rows:
            return None
        now = self._clock()
        return Study(study, StudyState.FINAL, 1, now, now, len(self.revisions), None, 1, len(self.rows), (), {})

    def read_revision(self, study: StudyKey, number: int) -> CommittedRevision | None:
        return self.revisions[number - 1][0] if 0 < number <= len(self.revisions) else None

    def read_revisions(self, study: StudyKey) -> list[CommittedRevision]:
        return [committed for committed, _ in self.revisions]

    def read_committed(self, committed: CommittedRevision) -> Revision | None:
        return self.revisions[committed.number - 1][1]


class TombstonesToo:
    """The same as the fence reads it."""

    def __init__(self, manifest: FakeManifest) -> None:
        self._manifest = manifest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manifest, name)

    def read_instances(self, study: StudyKey) -> list[Instance]:
        return list(self._manifest.rows.values())


@dataclass
class FakeTarget:
    """Takes instances and is told events, unless it is asked to fail.

    Attributes
    ----------
    taken
        What arrived, in its order: instances with their change numbers, or events.
    fails
        At which call, counted from 0: "before" it takes anything, or "after" it
        has and its answer is lost.
    refuses
        Instances or revisions that it refuses for good.
    fails_at
        Instances that make it fail whenever they are sent.
    """

    taken: list[tuple[InstanceKey, int] | Event] = field(default_factory=list)
    fails: dict[int, str] = field(default_factory=dict)
    refuses: set[object] = field(default_factory=set)
    fails_at: set[object] = field(default_factory=set)
    calls: int = 0
    before_call: Callable[[], None] = lambda: None
    after_call: Callable[[], None] = lambda: None

    def send(self, instances: Sequence[Instance]) -> Generator[Sent, None, None]:
        for instance in instances:
            assert not instance.attributes, "a whole study's would not fit the memory"
            if instance.key in self.fails_at:
                self.calls += 1
                yield Sent(instance, Unavailable("The target answers 500."))
            else:
                yield Sent(instance, self._call((instance.key, instance.change_number), instance.key))

    def tell(self, event: Event) -> None:
        refusal = self._call(event, event.detail.get("revision", event.detail.get("instance")))
        if refusal:
            raise refusal

    def _call(self, what: Any, name: object) -> Rejected | None:
        self.before_call()
        number, self.calls = self.calls, self.calls + 1
        if self.fails.get(number) == "before":
            raise Unavailable("The target does not answer.")
        if name in self.refuses:
            return Rejected(RejectReason.MALFORMED_REQUEST, "The target does not like it.")
        self.taken.append(what)
        self.after_call()
        if self.fails.get(number) == "after":
            raise Unavailable("The target's answer was lost.")
        return None

    @property
    def instances(self) -> list[tuple[InstanceKey, int]]:
        return [one for one in self.taken if not isinstance(one, Event)]

    @property
    def events(self) -> list[Event]:
        return [one for one in self.taken if isinstance(one, Event)]

    @property
    def revisions(self) -> list[int]:
        return [event.detail["revision"] for event in self.events]

    def repeats(self) -> int:
        return sum(times - 1 for times in Counter(map(repr, self.taken)).values())


class Deliveries:
    """The binding at work."""

    def __init__(self, binding: Binding, ledger: DeliveryLedger | None = None) -> None:
        self.binding = binding
        self.clock = Clock()
        self.manifest = FakeManifest(self.clock)
        self.ledger = ledger or InMemoryLedger()
        self.target = FakeTarget()
        self.queue: list[dict[str, Any]] = []
        self.dead_letters: list[dict[str, Any]] = []
        self.after_letter: Callable[[], None] = lambda: None
        self._claims = count()

    def change(self, place: int, action: Action = Action.CREATE, **values: str) -> None:
        """Somebody stores or deletes an instance; the bus says so."""
        row = self.manifest.change(place, action, **values)
        if self.binding.on is Occasion.INSTANCE:
            event = instance_changed(row.key, row.action, row.change_number, LINKS.instance(row.key))
            self.queue.append(message_of(event))

    def revise(self) -> None:
        """The study becomes quiet; the bus says so."""
        committed = self.manifest.revise()
        if self.binding.on is Occasion.STUDY:
            href = LINKS.revision(STUDY, committed.number)
            event = study_revised(STUDY, committed.number, committed.counts, committed.reason, href)
            self.queue.append(message_of(event))

    def deliver(self, actor: Actor | None = None) -> Deliver:
        """A process that delivers."""
        manifest = Stepwise(self.manifest, actor) if actor else self.manifest
        fence = Stepwise(TombstonesToo(self.manifest), actor) if actor else TombstonesToo(self.manifest)
        ledger = Stepwise(self.ledger, actor) if actor else self.ledger
        claims = (f"claim {number}" for number in self._claims)
        entries = Entries(self.binding.name, ledger, self.clock, claims.__next__, self.set_aside)
        images = self.binding.kind.takes_images
        if self.binding.on is Occasion.INSTANCE:
            act = sending(self.target) if images else telling(self.target, LINKS)
            of_instance = DeliverInstance(self.binding, fence, manifest, entries, act)
            return Deliver(self.binding, self.set_aside, of_instance=of_instance)
        if images:
            read_work = ReadStudyWork(self.binding.filter, manifest, manifest, manifest)
            return Deliver(self.binding, self.set_aside, of_study=DeliverStudy(read_work, entries, self.target))
        does_fit = RevisionFilter(self.binding.filter, fence, manifest)
        tell = TellRevisions(fence, does_fit, entries, self.target, LINKS)
        return Deliver(self.binding, self.set_aside, of_study=tell)

    def set_aside(self, message: Mapping[str, Any], reason: str) -> None:
        """The dead-letter queue."""
        self.dead_letters.append(set_aside(message, reason, self.clock()))
        self.after_letter()

    def handle(
        self,
        message: dict[str, Any],
        actor: Actor | None = None,
        *,
        time: timedelta = A_LONG_TIME,
        sent_at: datetime | None = None,
    ) -> Delivered | Unavailable:
        """What the process around it does with a message of the queue, which came there just now if not before."""
        try:
            delivered = self.deliver(actor)(message, sent_at or self.clock(), self.clock() + time)
        except Unavailable as failure:
            return failure
        if delivered.result is not Result.UNFINISHED and message in self.queue:
            self.queue.remove(message)
        return delivered

    def drain(self) -> None:
        """Deliver until the queue is empty; whoever died has lost what it held."""
        self.clock.skipped += timedelta(hours=1)
        for _ in range(100):
            if not self.queue:
                return
            for message in list(self.queue):
                self.handle(message)
        raise AssertionError(f"{len(self.queue)} messages are never acknowledged")

    def entries(self) -> dict[str, tuple[int, str, int]]:
        """The ledger by the last component of the UIDs: number, outcome, tries; of revisions by number."""
        of_instances = self.ledger.read_instances(self.binding.name, STUDY)
        of_revisions = self.ledger.read_revisions(self.binding.name, STUDY)
        return {
            **{key.sop_instance_uid.rpartition(".")[2]: _told(entry) for key, entry in of_instances.items()},
            **{f"revision {number}": _told(entry) for number, entry in of_revisions.items()},
        }


def _told(entry: Delivery) -> tuple[int, str, int]:
    return entry.number, entry.outcome.value, entry.tries


def _as_revised(row: Instance) -> RevisionInstance:
    return RevisionInstance(
        row.key.sop_instance_uid,
        row.sop_class_uid,
        row.arrival.transfer_syntax_uid,
        row.version_id,
        row.size_bytes,
        row.arrival.data_set_digest,
        row.change_number,
        row.action,
        row.attributes,
    )
