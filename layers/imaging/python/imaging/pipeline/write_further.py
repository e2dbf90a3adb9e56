"""What tells of a study beside its ImagingStudy, where it is wanted: DocumentReferences, and dose Observations."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir import document_reference
from imaging.fhir.comparison import differs
from imaging.fhir.dose_observations import dose_observations
from imaging.fhir.findings import Findings
from imaging.fhir.merging import renewed
from imaging.fhir.place import Place
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.primitives import Resource
from imaging.fhir.transaction import MAX_ENTRIES
from imaging.fhir.validation import checked
from imaging.model.links import Links
from imaging.model.revision import Revision
from imaging.pipeline.dose_reports import DoseReports
from imaging.pipeline.places import Places, Turn, Writing
from imaging.pipeline.rounds import ROUNDS, Rounds
from imaging.pipeline.write_study import Written
from imaging.ports.outside import VersionConflict

_SIDE_BY_SIDE = 8
_OF_AN_OBSERVATION = (
    *("identifier", "partOf", "status", "category", "code", "subject", "focus", "effectiveDateTime", "bodySite"),
    *("device", "component"),
)
_ELEMENTS = {"DocumentReference": document_reference.ELEMENTS, "Observation": _OF_AN_OBSERVATION}


@dataclass(frozen=True)
class Done:
    """What has become of all that goes with a study.

    Attributes
    ----------
    further
        As `imaging.model.publication.Publication.further`.
    refusals
        Why some of it is not as it should be.
    """

    further: tuple[str, ...]
    refusals: tuple[Rejected, ...] = ()


class WriteFurther:
    """In as many transactions as it takes: each resource stands for itself, and one that is refused keeps none away."""

    def __init__(
        self,
        places: Places,
        reports: DoseReports,
        *,
        links: Links,
        policy: PublishingPolicy,
        sleep: Callable[[float], None],
    ) -> None:
        self._rounds = Rounds(sleep)
        self._places = places
        self._reports = reports
        self._links = links
        self._policy = policy

    @property
    def is_wanted(self) -> bool:
        """Whether a study has any."""
        return self._policy.document_references or self._policy.dose_observations

    def look_through(self, revision: Revision, findings: Findings) -> None:
        """Note what of it cannot be mapped: that may keep the study out, and is known before anything is written."""
        if self._policy.document_references:
            self._documents(revision, {}, {}, findings)

    def __call__(
        self,
        revision: Revision,
        written: Written | None,
        before: Sequence[str],
        note: Callable[[Sequence[str]], None],
        turn: Turn,
    ) -> Done:
        """Write what differs, and delete what was there before and is not wanted any more.

        Parameters
        ----------
        written
            The study; None if it was deleted.
        before
            As `imaging.model.publication.Publication.further`.
        note
            Called with all that may be there soon, before it is written: who dies then leaves nothing that a later
            revision could not remove.
        """
        refusals = list[Rejected]()
        wanted = list(self._mapped(revision, written, refusals)) if written else []
        of_reports = [name for name in before if refusals and name.startswith("Observation/")]
        there = [*dict.fromkeys([*names(wanted), *of_reports])]
        if {*there} - {*before}:
            note(sorted({*there, *before}))
        refusals += [refusal for _, refusal in _each(wanted, lambda some: self._write(some, turn))]
        kept = dict(_each(sorted({*before} - {*there}), lambda some: self._delete(some, turn)))
        return Done((*there, *kept), (*refusals, *kept.values()))

    def _documents(self, revision: Revision, study: Resource, subject: Resource, findings: Findings) -> list[Resource]:
        return document_reference.document_references(
            revision, study=study, subject=subject, links=self._links, findings=findings
        )

    def _mapped(self, revision: Revision, written: Written, refusals: list[Rejected]) -> Iterator[Resource]:
        if not self.is_wanted:
            return
        study, subject = self._places.reference(written.study), self._places.reference(written.subject)
        if self._policy.document_references:
            yield from self._documents(revision, study, subject, Findings())
        if self._policy.dose_observations:
            try:
                for key, metadata in self._reports(revision):
                    yield from dose_observations(metadata, key=key, study=study, subject=subject, links=self._links)
            except Rejected as refusal:
                refusals.append(refusal)

    def _delete(self, some: Sequence[str], turn: Turn) -> None:
        gone = [Writing(place, None) for place in self._places_of(some) if place.current is not None]
        try:
            self._places.write(gone, turn)
        except VersionConflict:
            raise Rejected(
                RejectReason.MALFORMED_REQUEST,
                "The FHIR server does not delete what another resource refers to; remove the reference there, "
                "then have `imaging publish` try again.",
            ) from None

    def _write(self, wanted: Sequence[Resource], turn: Turn) -> None:
        for _ in self._rounds:
            try:
                if self._places.write(list(self._differing(wanted)), turn):
                    return
            except VersionConflict:
                continue
        raise Unavailable(f"Others wrote to the study's documents {ROUNDS} times between reading and writing.")

    def _differing(self, wanted: Sequence[Resource]) -> Iterator[Writing]:
        for ours, place in zip(wanted, self._places_of(names(wanted)), strict=True):
            merged = renewed(place.current, place.dressed(checked(ours)), _ELEMENTS[ours["resourceType"]])
            if place.current is None or differs(place.current, merged):
                yield Writing(place, merged)

    def _places_of(self, further: Iterable[str]) -> list[Place]:
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return list(pool.map(lambda name: self._places.find(*name.split("/")), further))


Some = TypeVar("Some")


def _each(all_of_them: Sequence[Some], act: Callable[[Sequence[Some]], None]) -> Iterator[tuple[Some, Rejected]]:
    """Do it with many at a time, and where that is refused one by one; those of which it is refused."""
    for first in range(0, len(all_of_them), MAX_ENTRIES):
        some = all_of_them[first : first + MAX_ENTRIES]
        try:
            act(some)
        except Rejected as refusal:
            if len(some) == 1:
                yield some[0], refusal
            for one in some if len(some) > 1 else ():
                yield from _each([one], act)


def names(resources: Iterable[Resource]) -> list[str]:
    """As `imaging.model.publication.Publication.further` keeps them."""
    return [f"{resource['resourceType']}/{resource['id']}" for resource in resources]
