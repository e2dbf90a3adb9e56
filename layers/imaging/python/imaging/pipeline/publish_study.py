"""Stage 5: bring a study's FHIR resources up to its latest revision."""

from collections.abc import Callable, Mapping
from functools import partial

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir import endpoint, imaging_study, patient
from imaging.fhir.comparison import differs, renewed
from imaging.fhir.identity import imaging_study_id
from imaging.fhir.primitives import Resource
from imaging.fhir.transaction import delete, put, transaction
from imaging.fhir.validation import checked
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.model.revision import Revision
from imaging.pipeline.revision_archive import RevisionArchive
from imaging.ports.manifest import PendingWork, StudyFence
from imaging.ports.outside import FhirServer
from imaging.settings import Space, space_named

UNPUBLISHABLE = frozenset({RejectReason.MISSING_IDENTIFIER, RejectReason.INVALID_IDENTIFIER})
"""The study itself cannot be in FHIR; a later revision may."""

Upkeep = Callable[[Resource | None, Resource], Resource]


class PublishStudy:
    """Publishes what the study is now, whatever revision the message was about.

    Of two that publish one study at a time, the one that writes last sees the
    other's revision when it looks again, so the latest revision stays.
    """

    def __init__(
        self,
        fence: StudyFence,
        pending: PendingWork,
        revisions: RevisionArchive,
        server: FhirServer,
        *,
        links: Links,
        spaces: Mapping[str, Space],
    ) -> None:
        self._fence = fence
        self._pending = pending
        self._revisions = revisions
        self._server = server
        self._links = links
        self._spaces = spaces

    def __call__(self, study: StudyKey, revision: int) -> None:
        """Publish the latest revision, and remove its mark and that of `revision`.

        Raises
        ------
        Unavailable
            The server did not answer, or another writer was quicker: try again.
            The marks stay.
        Rejected
            A reason of `UNPUBLISHABLE`: the marks are removed and nothing is
            written, an earlier ImagingStudy included.
            `MALFORMED_REQUEST`: the server refuses the resources; the marks stay.
        """
        published = 0
        while (latest := self._latest_number(study, revision)) > published:
            try:
                self._bring_up_to_date(self._read(study, latest))
            except Rejected as refusal:
                if refusal.reason in UNPUBLISHABLE:
                    self._remove_marks(study, {revision, latest})
                raise
            published = latest
        self._remove_marks(study, {revision, published})

    def _latest_number(self, study: StudyKey, at_least: int) -> int:
        row = self._fence.read_study(study)
        if row is None or row.revision < at_least:
            raise Unavailable(f"The manifest does not have revision {at_least} of the study; it may be being rebuilt.")
        return row.revision

    def _read(self, study: StudyKey, number: int) -> Revision:
        revision = self._revisions.read(study, number)
        if revision is None:
            raise Unavailable(f"Revision {number} of the study is not in its final place yet.")
        return revision

    def _bring_up_to_date(self, revision: Revision) -> None:
        entries = self._upkeep(revision) if revision.instances else self._removal(revision.study)
        if entries:
            self._server.transact(transaction(entries))

    def _upkeep(self, revision: Revision) -> list[Resource]:
        """Entries for what differs; what others wrote beside our elements is kept."""
        entries = []
        for ours, bring_up_to_date in self._mapped(revision):
            current = self._read_current(ours["resourceType"], ours["id"])
            wanted = bring_up_to_date(current, checked(ours))
            if current is None or differs(current, wanted):
                entries.append(put(wanted, current))
        return entries

    def _mapped(self, revision: Revision) -> list[tuple[Resource, Upkeep]]:
        """Every resource after those it refers to: HealthLake writes in this order."""
        space = space_named(self._spaces, revision.study.space)
        subject = patient.patient(revision.attributes, space, self._links)
        return [
            (subject, patient.synchronised),
            (endpoint.endpoint(space.name, self._links), partial(renewed, elements=endpoint.ELEMENTS)),
            (
                imaging_study.imaging_study(revision, subject["id"], self._links),
                partial(renewed, elements=imaging_study.ELEMENTS),
            ),
        ]

    def _removal(self, study: StudyKey) -> list[Resource]:
        """The study is gone: so is its ImagingStudy. The id is ours alone, and the Patient is not ours to delete."""
        logical_id = imaging_study_id(study)
        if self._read_current("ImagingStudy", logical_id) is None:
            return []
        return [delete("ImagingStudy", logical_id)]

    def _read_current(self, resource_type: str, logical_id: str) -> Resource | None:
        current = self._server.read(resource_type, logical_id)
        return None if current is None else dict(current)

    def _remove_marks(self, study: StudyKey, numbers: set[int]) -> None:
        for number in sorted(numbers):
            self._pending.revision_published(study, number)
