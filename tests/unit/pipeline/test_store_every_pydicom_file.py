"""Real files: all that pydicom ships are stored byte for byte, or refused for the reason listed here."""

from fnmatch import fnmatch
from pathlib import Path

import pydicom
import pytest

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Door
from imaging.pipeline.store_instance import Outcome, StoreInstance
from imaging.settings import OtherBytes, Space
from tests.fakes import Clock, InMemoryObjects

FOLDER = Path(pydicom.__file__).parent / "data"
SPACES = {"main": Space("main", "main-bucket", "MAIN", OtherBytes.REPLACE, "")}

REFUSED = {
    "*/DICOMDIR*": RejectReason.NOT_DICOM,
    "*/no_meta.dcm": RejectReason.NOT_DICOM,  # a data set behind a stray byte
    "*/MR_truncated.dcm": RejectReason.TRUNCATED,
    "*/rtplan_truncated.dcm": RejectReason.TRUNCATED,
    # Data sets made for one test, and colour palettes, which belong to no study:
    "charset_files/chrSQEncoding*.dcm": RejectReason.MISSING_IDENTIFIER,
    "palettes/*.dcm": RejectReason.MISSING_IDENTIFIER,
    "*/JPEGLSNearLossless_??.dcm": RejectReason.MISSING_IDENTIFIER,
    "*/SC_rgb_jls_lossy_*.dcm": RejectReason.MISSING_IDENTIFIER,
    "*/UN_sequence.dcm": RejectReason.MISSING_IDENTIFIER,
    "*/empty_charset_LEI.dcm": RejectReason.MISSING_IDENTIFIER,
    "*/meta_missing_tsyntax.dcm": RejectReason.MISSING_IDENTIFIER,
    "*/nested_priv_SQ.dcm": RejectReason.MISSING_IDENTIFIER,
    "*/no_meta_group_length.dcm": RejectReason.MISSING_IDENTIFIER,
    "*/priv_SQ.dcm": RejectReason.MISSING_IDENTIFIER,
}


def dicom_files() -> list[str]:
    """By extension or by content, from below pydicom's `data` folder."""
    return sorted(
        str(path.relative_to(FOLDER))
        for path in FOLDER.rglob("*")
        if path.is_file() and (path.suffix == ".dcm" or path.read_bytes()[128:132] == b"DICM")
    )


@pytest.mark.parametrize("name", dicom_files())
def test_comes_back_byte_for_byte_or_is_refused_for_a_reason(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    content = missing_beginning(BytesSource(content)) + content  # as the doors do
    objects = InMemoryObjects(SPACES)
    store = StoreInstance(objects, SPACES, Clock())
    reason = next((reason for pattern, reason in REFUSED.items() if fnmatch(name, pattern)), None)
    if reason:
        with pytest.raises(Rejected) as refused:
            store("main", content, door=Door.BULK_DROP)
        assert refused.value.reason is reason
        return
    stored = store("main", content, door=Door.BULK_DROP)
    found = objects.read("main", stored.key.object_key)
    assert found
    assert found[1] == content
    assert store("main", content, door=Door.STOW_RS).outcome is Outcome.IDENTICAL
    left_out: list[str] = []
    assert to_dicom_json(read_header(BytesSource(content)), left_out)["00080018"]["Value"] == [
        stored.key.sop_instance_uid
    ]
    assert len(left_out) <= 2


def test_every_refusal_that_is_expected_occurs() -> None:
    names = dicom_files()
    assert [pattern for pattern in REFUSED if not any(fnmatch(name, pattern) for name in names)] == []
