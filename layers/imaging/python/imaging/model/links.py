"""Absolute addresses that the system gives out."""

from dataclasses import dataclass

from imaging.model.identifiers import InstanceKey, StudyKey


@dataclass(frozen=True)
class Links:
    """Addresses below the deployment's public base address, never the Host header's.

    Parameters
    ----------
    base_address
        ``https://imaging.example.org``, without a slash at the end.
    """

    base_address: str

    def space(self, space: str) -> str:
        """The DICOMweb root of a space."""
        return f"{self.base_address}/spaces/{space}"

    def changes(self, space: str) -> str:
        """The change feed of a space."""
        return f"{self.space(space)}/changefeed"

    def fhir_errors(self, space: str) -> str:
        """What of a space could not be written to FHIR."""
        return f"{self.space(space)}/fhir-errors"

    def study(self, study: StudyKey) -> str:
        """The study's RetrieveURL."""
        return f"{self.space(study.space)}/studies/{study.study_instance_uid}"

    def series(self, study: StudyKey, series_instance_uid: str) -> str:
        """The series' RetrieveURL."""
        return f"{self.study(study)}/series/{series_instance_uid}"

    def instance(self, key: InstanceKey) -> str:
        """The instance's RetrieveURL."""
        return f"{self.series(key.study, key.series_instance_uid)}/instances/{key.sop_instance_uid}"

    def revision(self, study: StudyKey, number: int) -> str:
        """One revision of the study's history."""
        return f"{self.study(study)}/revisions/{number}"

    def deliveries(self, study: StudyKey) -> str:
        """What of the study reached which binding."""
        return f"{self.study(study)}/deliveries"

    def as_of_revision(self, number: int) -> "Links":
        """The same addresses for what a study was in one of its revisions."""
        return _LinksOfRevision(self.base_address, number)


@dataclass(frozen=True)
class _LinksOfRevision(Links):
    number: int

    def study(self, study: StudyKey) -> str:
        """Where the study as of the revision is retrieved."""
        return self.revision(study, self.number)

    def revision(self, study: StudyKey, number: int) -> str:
        """One revision of the study's history."""
        return f"{super().study(study)}/revisions/{number}"
