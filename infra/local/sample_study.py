"""The sample study: a patient's MR examination that comes with pydicom, eleven pictures in three series."""

from dataclasses import dataclass
from pathlib import Path

import pydicom

STUDY_INSTANCE_UID = "1.3.6.1.4.1.5962.1.1.0.0.0.1196533885.18148.0.1"
_FOLDER = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / "98892003"


@dataclass(frozen=True)
class SampleInstance:
    """An instance, and its file whole."""

    sop_instance_uid: str
    path: Path
    part10: bytes


def sample_study() -> list[SampleInstance]:
    """All instances of the study, in the order of their files."""
    instances = []
    for path in sorted(each for each in _FOLDER.rglob("*") if each.is_file()):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        if ds.StudyInstanceUID == STUDY_INSTANCE_UID:
            instances.append(SampleInstance(ds.SOPInstanceUID, path, path.read_bytes()))
    return instances


def data_set(part10: bytes) -> bytes:
    """The bytes behind the File Meta Information, whose length stands in its first element.

    References
    ----------
    DICOM PS3.10 Section 7.1, *DICOM File Meta Information*.
    """
    return part10[144 + int.from_bytes(part10[140:144], "little") :]
