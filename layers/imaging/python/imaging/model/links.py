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
