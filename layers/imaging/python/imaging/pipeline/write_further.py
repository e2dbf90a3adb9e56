"""What tells of a study beside its ImagingStudy, where it is wanted: DocumentReferences, and dose Observations."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from imaging.errors import Unavailable
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
from imaging.pipeline.write_study import Written
from imaging.ports.outside import VersionConflict

_ROUNDS = 3
_SIDE_BY_SIDE = 8
_OF_AN_OBSERVATION = (
    *("identifier", "partOf", "status", "category", "code", "subject", "focus", "effectiveDateTime", "bodySite"),
    *("device", "component"),
)
_ELEMENTS = {"DocumentReference": document_reference.ELEMENTS, "Observation": _OF_AN_OBSERVATION}


class WriteFurther:
    """In as many transactions as it takes: each resource stands for itself."""

    def __init__(self, places: Places, reports: DoseReports, *, links: Links, policy: PublishingPolicy) -> None:
        self._places = places
        self._reports = reports
        self._links = links
        self._policy = policy

    def mapped(self, revision: Revision, written: Written, findings: Findings) -> list[Resource]:
        """All that the revision gives."""
        if not (self._policy.document_references or self._policy.dose_observations):
            return []
        study, subject = self._places.reference(written.study), self._places.reference(written.subject)
        found = []
        if self._policy.document_references:
            found += document_reference.document_references(
                revision, study=study, subject=subject, links=self._links, findings=findings
            )
        if self._policy.dose_observations:
            for key, metadata in self._reports(revision):
                found += dose_observations(metadata, key=key, study=study, subject=subject, links=self._links)
        return found

    def __call__(self, wanted: Sequence[Resource], before: Iterable[str], turn: Turn) -> None:
        """Write what differs, and delete what was there before and is not wanted any more.

        Parameters
        ----------
        before
            As `imaging.model.publication.Publication.further`.
        """
        for some in _batches(wanted):
            self._write(some, turn)
        self.remove(sorted({*before} - {*names(wanted)}), turn)

    def remove(self, further: Sequence[str], turn: Turn) -> None:
        """Delete what is left of these."""
        for some in _batches(further):
            gone = (Writing(place, None) for place in self._places_of(some) if place.current is not None)
            self._places.write(list(gone), turn)

    def _write(self, wanted: Sequence[Resource], turn: Turn) -> None:
        for _ in range(_ROUNDS):
            try:
                if self._places.write(list(self._differing(wanted)), turn):
                    return
            except VersionConflict:
                continue
        raise Unavailable(f"Others wrote to the study's documents {_ROUNDS} times between reading and writing.")

    def _differing(self, wanted: Sequence[Resource]) -> Iterator[Writing]:
        for ours, place in zip(wanted, self._places_of(names(wanted)), strict=True):
            merged = renewed(place.current, place.dressed(checked(ours)), _ELEMENTS[ours["resourceType"]])
            if place.current is None or differs(place.current, merged):
                yield Writing(place, merged)

    def _places_of(self, further: Iterable[str]) -> list[Place]:
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return list(pool.map(lambda name: self._places.find(*name.split("/")), further))


Some = TypeVar("Some")


def _batches(all_of_them: Sequence[Some]) -> Iterator[Sequence[Some]]:
    for first in range(0, len(all_of_them), MAX_ENTRIES):
        yield all_of_them[first : first + MAX_ENTRIES]


def names(resources: Iterable[Resource]) -> list[str]:
    """As `imaging.model.publication.Publication.further` keeps them."""
    return [f"{resource['resourceType']}/{resource['id']}" for resource in resources]
