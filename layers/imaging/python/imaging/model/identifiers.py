"""What names a study and an instance in a storage space."""

import re
from dataclasses import dataclass

from imaging.dicom.uid import check_uid

_INSTANCE_KEY = re.compile(r"studies/([^/]+)/series/([^/]+)/instances/([^/]+)\.dcm\Z")


@dataclass(frozen=True, order=True)
class StudyKey:
    """A study in a storage space; the same UID may live in two spaces."""

    space: str
    study_instance_uid: str

    @property
    def prefix(self) -> str:
        """Where everything of the study lies in the space's bucket."""
        return f"studies/{self.study_instance_uid}/"


@dataclass(frozen=True, order=True)
class InstanceKey:
    """An instance in a storage space."""

    space: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str

    @classmethod
    def checked(
        cls, space: str, study_instance_uid: str | None, series_instance_uid: str | None, sop_instance_uid: str | None
    ) -> "InstanceKey":
        """Make a key of identifiers that came from outside.

        Raises
        ------
        Rejected
            As `imaging.dicom.uid.check_uid`.
        """
        return cls(
            space,
            check_uid("StudyInstanceUID", study_instance_uid),
            check_uid("SeriesInstanceUID", series_instance_uid),
            check_uid("SOPInstanceUID", sop_instance_uid),
        )

    @classmethod
    def of_object(cls, space: str, object_key: str) -> "InstanceKey | None":
        """Read an object key back; None if the object is not an instance of ours.

        Raises
        ------
        Rejected
            As `imaging.dicom.uid.check_uid`, for a key put there by hand.
        """
        match = _INSTANCE_KEY.match(object_key)
        return cls.checked(space, *match.groups()) if match else None

    @property
    def study(self) -> StudyKey:
        """The study the instance belongs to."""
        return StudyKey(self.space, self.study_instance_uid)

    @property
    def object_key(self) -> str:
        """The one place of the instance's bytes in the space's bucket."""
        return (
            f"studies/{self.study_instance_uid}/series/{self.series_instance_uid}/instances/{self.sop_instance_uid}.dcm"
        )

    def spilled_metadata_key(self, version_id: str) -> str:
        """Where the DICOM JSON of that version lies if it is too large for the manifest."""
        return f"{self.object_key.removesuffix('.dcm')}.{version_id}.json.gz"
