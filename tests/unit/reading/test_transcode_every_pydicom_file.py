"""Real files: all that are stored, in each transfer syntax they can be made in, beside what pydicom makes of them."""

from collections.abc import Iterator
from fnmatch import fnmatch
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.byte_source import BytesSource
from imaging.dicom.transfer_syntaxes import DECODABLE, ENCODABLE, NATIVE
from imaging.errors import Rejected, RejectReason
from imaging.pixels.worker_pool import WorkerPool
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.transcode_instance import TranscodeInstance
from tests.fakes import InMemoryObjects
from tests.unit.pipeline.test_store_every_pydicom_file import FOLDER, REFUSED, dicom_files
from tests.unit.reading.stored_files import stored

NOT_DECODED = ("JPEG-lossy.dcm", "JPEG2000-embedded-sequence-delimiter.dcm")  # nor by pydicom's plugins

PIXELS = {0x7FE00001, 0x7FE00002, 0x7FE00008, 0x7FE00009, 0x7FE00010}

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of what the files break


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerPool]:
    pool = WorkerPool()
    yield pool
    pool.close()


def files() -> list[str]:
    return [name for name in dicom_files() if not any(fnmatch(name, pattern) for pattern in REFUSED)]


def elements(ds: Dataset, *, but: frozenset[str] = frozenset()) -> list[tuple[int, str, object]]:
    """All elements, sequences taken apart; group lengths, File Meta Information and pixels left out."""
    found: list[tuple[int, str, object]] = []
    for one in ds:
        if one.tag.element == 0 or one.tag.group < 8 or one.tag in PIXELS or one.keyword in but:
            continue
        if one.VR == "SQ":
            found.append((one.tag, "SQ", [elements(item) for item in one.value]))
        else:
            found.append((one.tag, one.VR, one.value))
    return found


def without_vrs(original: Dataset) -> Dataset:
    """What a reader finds when pydicom has written the data set in Implicit VR Little Endian."""
    written = DicomBytesIO()
    written.is_implicit_VR, written.is_little_endian = True, True
    write_dataset(written, original)
    return read_dataset(BytesIO(written.getvalue()), True, True)


@pytest.mark.parametrize("name", files())
def test_comes_out_the_same_in_every_transfer_syntax(name: str, worker: WorkerPool) -> None:
    content = (FOLDER / name).read_bytes()
    content = missing_beginning(BytesSource(content)) + content
    objects = InMemoryObjects()
    transcode = TranscodeInstance(objects, InstanceHeaders(objects), InstancePixels(objects), worker)
    instance = stored(objects, content)
    original = dcmread(BytesIO(content))
    targets = transcode.targets(instance, implicit_vr=True)
    assert bool(targets) == (instance.arrival.transfer_syntax_uid in NATIVE | DECODABLE)
    if Path(name).name in NOT_DECODED:
        for target in targets:
            with pytest.raises(Rejected) as refused:
                next(transcode.pieces(instance, target))
            assert refused.value.reason is RejectReason.NOT_ACCEPTABLE
        return
    if instance.arrival.transfer_syntax_uid in DECODABLE and "PixelData" in original:
        original.decompress(as_rgb=True, generate_instance_uid=False)
    by_target = {str(ImplicitVRLittleEndian): without_vrs(original)} if ImplicitVRLittleEndian in targets else {}
    for target in sorted(targets):
        made = dcmread(BytesIO(b"".join(transcode.pieces(instance, target))))
        assert made.file_meta.TransferSyntaxUID == target
        changed = {"PlanarConfiguration", "PhotometricInterpretation"} if target in ENCODABLE else set()
        expected = by_target.get(target, original)
        assert elements(made, but=frozenset(changed)) == elements(expected, but=frozenset(changed))
        assert "PixelData" not in original or _same_pixels(made, original)


def _same_pixels(made: Dataset, original: Dataset) -> bool:
    try:
        expected = original.pixel_array
    except (AttributeError, ValueError, NotImplementedError):  # no picture for pydicom either: as bytes
        return bool(made.PixelData == original.PixelData)
    return np.array_equal(made.pixel_array, expected)


def test_most_files_can_be_made_in_the_default_transfer_syntax(worker: WorkerPool) -> None:
    objects = InMemoryObjects()
    transcode = TranscodeInstance(objects, InstanceHeaders(objects), InstancePixels(objects), worker)
    default = str(ExplicitVRLittleEndian)
    makeable = 0
    for name in files():
        content = (FOLDER / name).read_bytes()
        instance = stored(objects, missing_beginning(BytesSource(content)) + content)
        makeable += instance.arrival.transfer_syntax_uid == default or default in transcode.targets(instance)
    assert makeable >= len(files()) - 5
