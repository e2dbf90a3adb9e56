"""Revisions of real DICOM files, by the code that indexes them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pydicom.data
from pydicom.data import get_testdata_file

from imaging.dicom.attributes import indexed, instance_level, series_level, study_level, text
from imaging.dicom.byte_source import BytesSource
from imaging.dicom.header import Header, read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.model.identifiers import StudyKey
from imaging.model.instance import DicomJson
from imaging.model.revision import Revision, RevisionInstance
from tests.unit.fhir.samples import instance, revision, series

CT = (Path(str(get_testdata_file("CT_small.dcm"))),)
_OF_PETER_DOE = Path(pydicom.data.__file__).parent / "test_files" / "dicomdirtests" / "98892003"
MR = (_OF_PETER_DOE / "MR1" / "15820", _OF_PETER_DOE / "MR2" / "15970")


def revision_of(files: Iterable[Path]) -> Revision:
    """The first revision of the one study that the files make."""
    read = [_read(file) for file in files]
    by_series: defaultdict[str, list[tuple[Header, DicomJson]]] = defaultdict(list)
    for header, attributes in read:
        by_series[header.series_instance_uid].append((header, attributes))
    first, attributes = read[0]
    return revision(
        *(
            replace(
                series(uid, *map(_instance, members), modality=text(members[0][1], "00080060")),
                attributes=series_level(members[0][1]),
            )
            for uid, members in sorted(by_series.items())
        ),
        study=StudyKey("main", first.study_instance_uid),
        of_study=study_level(attributes),
    )


def _read(file: Path) -> tuple[Header, DicomJson]:
    header = read_header(BytesSource(file.read_bytes()))
    return header, indexed(to_dicom_json(header))


def _instance(member: tuple[Header, DicomJson]) -> RevisionInstance:
    header, attributes = member
    return replace(
        instance(header.sop_instance_uid), sop_class_uid=header.sop_class_uid, attributes=instance_level(attributes)
    )
