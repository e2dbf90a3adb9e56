"""Publishing struck at every call of every port, and side by side with other publishers.

Whatever happens: when the messages have been handled, every study is in FHIR
once, as its latest revision says, and nothing says otherwise.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import BasicTextSRStorage

from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.revision import Revision
from imaging.pipeline.publish_study import PublishStudy
from tests.interleaving import Actor, Killed, run_interleaved
from tests.unit.fhir.fake_server import BY_ID, CONDITIONAL_PUT, EVERY_SERVER, POST_ONLY, Abilities
from tests.unit.fhir.samples import STUDY, attributes, instance, revision, series
from tests.unit.pipeline.publishing import FIRST, Publishing

Message: TypeAlias = tuple[StudyKey, int]

A_FUNCTIONS_LIFE = timedelta(seconds=60)


class Fault(Enum):
    KILLED = "killed before"
    FAILS = "fails"
    LOST_ANSWER = "carried out, its answer lost"


class Strikes:
    """Counts the calls of all ports and strikes one of them."""

    def __init__(self) -> None:
        self.fault = Fault.FAILS
        self.left = 0

    def wrapped(self, port: Any) -> Any:
        return Struck(port, self)

    def __call__(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self.left -= 1
        if self.left != 0:
            return method(*arguments, **named)
        if self.fault is Fault.KILLED:
            raise Killed
        if self.fault is Fault.LOST_ANSWER:
            method(*arguments, **named)
        raise Unavailable("struck")


class Struck:
    def __init__(self, port: Any, strikes: Strikes) -> None:
        self._port = port
        self._strikes = strikes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return lambda *arguments, **named: self._strikes(method, *arguments, **named)


def life() -> Iterator[tuple[Revision, dict[str, int]]]:
    """The revisions of a study, with how many resources there shall be, and all versions of them so far."""
    image = series("1.2.3.1", instance("1.2.3.1.1"))
    reports = [instance(f"1.2.3.2.{number}", sop_class_uid=BasicTextSRStorage) for number in (1, 2)]
    of_study = attributes(PatientID="4711", PatientName="Doe^Jane", AccessionNumber="A1")
    yield (
        revision(image, series("1.2.3.2", *reports, modality="SR"), number=1, of_study=of_study),
        {"Patient": 1, "Endpoint": 1, "ImagingStudy": 1, "DocumentReference": 2},
    )
    yield (
        revision(image, series("1.2.3.2", reports[1], modality="SR"), number=2, of_study=of_study),
        {"Patient": 1, "Endpoint": 1, "ImagingStudy": 1, "DocumentReference": 1},
    )
    yield revision(number=3), {"Patient": 1, "Endpoint": 1}
    yield (
        revision(image, number=4, of_study=of_study),
        {"Patient": 1, "Endpoint": 1, "ImagingStudy": 1},
    )


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize(
    "abilities", [BY_ID, CONDITIONAL_PUT, POST_ONLY], ids=["put by id", "conditional put", "post only"]
)
def test_whichever_call_is_struck_the_study_ends_in_fhir_once(abilities: Abilities, fault: Fault) -> None:
    place, was_struck = 0, True
    while was_struck:
        place, was_struck = place + 1, False
        strikes = Strikes()
        publishing = Publishing(abilities, strikes.wrapped, document_references=True)
        publishing.server.lags = True
        for made, expected in life():
            publishing.finalize(made)
            strikes.fault, strikes.left = fault, place
            handle(publishing, made.number)
            was_struck |= strikes.left <= 0
            strikes.left = 0
            check(publishing, made, expected)
            written = len(publishing.server.transactions)
            publishing.publish(STUDY, made.number)
            assert len(publishing.server.transactions) == written
    assert place > 15


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("abilities", [BY_ID, POST_ONLY], ids=["put by id", "post only"])
def test_what_a_struck_publisher_left_is_taken_up_by_that_of_the_next_revision(
    abilities: Abilities, fault: Fault
) -> None:
    (first, _), (second, expected), *_ = life()
    place, was_struck = 0, True
    while was_struck:
        place, strikes = place + 1, Strikes()
        publishing = Publishing(abilities, strikes.wrapped, document_references=True)
        publishing.server.lags = True
        publishing.finalize(first)
        strikes.fault, strikes.left = fault, place
        with suppress(Killed, Unavailable):
            publishing.publish(STUDY, 1)
        was_struck, strikes.left = strikes.left <= 0, 0
        publishing.finalize(second)
        publishing.wait()
        publishing.server.catch_up()
        handle(publishing, 2)
        check(publishing, second, expected)
        written = len(publishing.server.transactions)
        handle(publishing, 1)
        assert len(publishing.server.transactions) == written
    assert place > 15


def handle(publishing: Publishing, number: int) -> None:
    """As its queue does, until the message is acknowledged."""
    for _ in range(5):
        try:
            publishing.publish(STUDY, number)
        except (Killed, Unavailable):
            publishing.wait()
            publishing.server.catch_up()
        else:
            return
    pytest.fail("never published")


def check(publishing: Publishing, made: Revision, expected: dict[str, int]) -> None:
    server = publishing.server
    kinds = ("Patient", "Endpoint", "ImagingStudy", "DocumentReference")
    assert {kind: len(found) for kind in kinds if (found := server.all(kind))} == expected
    for study in server.all("ImagingStudy"):
        assert study["numberOfInstances"] == made.instances
        assert server.current(study["subject"]["reference"])
    assert publishing.entries == []
    assert publishing.publications.read(STUDY).revision == made.number
    assert len(publishing.publications.read(STUDY).further) == expected.get("DocumentReference", 0)
    assert publishing.marks_removed[-1] == made.number
    for url, versions in server.versions.items():
        assert len([version for version in versions if version]) <= (4 if url.startswith("ImagingStudy") else 1)


OTHER = StudyKey("main", "1.2.4")


@dataclass(frozen=True)
class Story:
    """What happens.

    Attributes
    ----------
    picks
        Which message of the queue each process takes, one after the other; several may take the same.
    revisions
        Of which study there is one more, one after the other.
    """

    picks: list[list[int]]
    revisions: list[int]
    choices: list[int]
    kill_at: frozenset[int]
    lags: bool


STORIES = st.builds(
    Story,
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=2, max_size=3),
    st.lists(st.integers(0, 1), max_size=4),
    st.lists(st.integers(0, 4), max_size=150),
    st.frozensets(st.integers(0, 120), max_size=2),
    st.booleans(),
)


class Alive:
    """A port of a process, which stops before every call, and which the platform kills when it is too old."""

    def __init__(self, port: Any, actor: Actor, publishing: Publishing) -> None:
        self._port = port
        self._actor = actor
        self._publishing = publishing
        self.born: datetime = publishing.clock.now

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self._actor.checkpoint()
            if self._publishing.clock.now - self.born > A_FUNCTIONS_LIFE:
                raise Killed
            return method(*arguments, **named)

        return call


@pytest.mark.parametrize("abilities", EVERY_SERVER.values(), ids=EVERY_SERVER)
@settings(deadline=None, max_examples=25)
@given(story=STORIES)
def test_publishers_side_by_side_end_at_the_latest_revisions_and_one_patient(
    abilities: Abilities, story: Story
) -> None:
    publishing = Publishing(abilities)
    publishing.server.lags = story.lags
    queue: list[Message] = []
    for study in (STUDY, OTHER):
        revise(publishing, study, queue)

    def go_on(actor: Actor) -> None:
        for of_other in story.revisions:
            actor.checkpoint()
            revise(publishing, OTHER if of_other else STUDY, queue)
            actor.checkpoint()
            publishing.wait()
            publishing.server.catch_up()

    def publish(picks: list[int]) -> Callable[[Actor], None]:
        def act(actor: Actor) -> None:
            for pick in picks:
                actor.checkpoint()
                if queue:
                    process = publishing.process(publishing.server, lambda port: Alive(port, actor, publishing))
                    work_off(process, queue, queue[pick % len(queue)])

        return act

    processes = [Actor(f"publish {number}", publish(picks)) for number, picks in enumerate(story.picks)]
    run_interleaved([Actor("revise", go_on), *processes], story.choices, story.kill_at)
    while queue:
        publishing.wait()
        publishing.server.catch_up()
        work_off(publishing.stage, queue, queue[0])

    server = publishing.server
    assert [len(server.all(kind)) for kind in ("Patient", "Endpoint", "ImagingStudy")] == [1, 1, 2]
    assert publishing.entries == []
    described = {study["identifier"][0]["value"]: study["description"] for study in server.all("ImagingStudy")}
    for study in (STUDY, OTHER):
        number = publishing.fence.numbers[study]
        assert described[f"urn:oid:{study.study_instance_uid}"] == f"revision {number}"
        assert publishing.publications.read(study).revision == number


def work_off(process: PublishStudy, queue: list[Message], message: Message) -> None:
    """Publish, and take the message out of the queue if that succeeds, as nobody looks again afterwards."""
    with suppress(Unavailable, Killed):
        process(*message, FIRST)
        if message in queue:
            queue.remove(message)


def revise(publishing: Publishing, study: StudyKey, queue: list[Message]) -> None:
    number = publishing.fence.numbers.get(study, 0) + 1
    of_study = attributes(PatientID="4711", StudyDescription=f"revision {number}")
    uid = study.study_instance_uid
    publishing.finalize(
        revision(series(f"{uid}.1", instance(f"{uid}.1.1")), number=number, study=study, of_study=of_study)
    )
    queue.append((study, number))
