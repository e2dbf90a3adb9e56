"""Revisions of DICOM files, by the code that indexes them and makes revisions."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pydicom.data
from pydicom.data import get_testdata_file

from imaging.dicom.byte_source import BytesSource
from imaging.dicom.json_model import to_dicom_json
from imaging.dicom.outline import read_outline
from imaging.model.completion import CompletionReason
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Instance
from imaging.model.revision import Revision
from imaging.model.study import Study, StudyState
from imaging.pipeline.index_instance import instance_of
from imaging.pipeline.make_revision import revision_of as revision_of_rows
from imaging.ports.objects import StoredObject

CT = (Path(str(get_testdata_file("CT_small.dcm"))),)
_OF_PETER_DOE = Path(pydicom.data.__file__).parent / "test_files" / "dicomdirtests" / "98892003"
MR = (_OF_PETER_DOE / "MR1" / "15820", _OF_PETER_DOE / "MR2" / "15970")

_BEGIN = datetime(2026, 11, 21, 20, 55, tzinfo=UTC)


def revision_of(files: Iterable[Path]) -> Revision:
    """The first revision of the one study that the files make."""
    return revision_of_objects(file.read_bytes() for file in files)


def revision_of_objects(objects: Iterable[bytes]) -> Revision:
    """The first revision of the one study that Part 10 files make, stored one after the other."""
    rows = [_row(part10, _BEGIN + timedelta(seconds=number)) for number, part10 in enumerate(objects)]
    key = rows[0].key.study
    study = Study(key, StudyState.OPEN, len(rows), _BEGIN, _BEGIN, 0, None, 0, len(rows), (), rows[-1].attributes)
    return revision_of_rows(study, rows, None, _BEGIN, CompletionReason.QUIET, ()).with_partial_dates()


def _row(part10: bytes, stored_at: datetime) -> Instance:
    outline = read_outline(BytesSource(part10))
    header = outline.header
    return instance_of(
        InstanceKey("main", header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid),
        header,
        StoredObject("v1", sha256(part10).hexdigest(), len(part10), stored_at, {}),
        to_dicom_json(header, further=outline.further),
        1,
        Action.CREATE,
    )
