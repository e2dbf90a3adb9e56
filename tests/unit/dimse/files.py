"""Files to send: shipped with pydicom, or made byte by byte."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom.data
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dsutils import encode

from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.part10 import file_meta_information


def sample(name: str) -> Path:
    """A file that comes with pydicom."""
    return Path(pydicom.data.get_testdata_file(name, download=False))


def data_set_of(part10: bytes) -> bytes:
    """The bytes after the File Meta Information."""
    return part10[read_header(BytesSource(part10)).data_set_offset :]


def instance(**attributes: object) -> Dataset:
    """A small data set with the four identifiers; None leaves an attribute out."""
    ds = Dataset()
    identifiers = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "PatientName": "Doe^Jane",
        "PatientID": "SECRET-4711",
    }
    for keyword, value in {**identifiers, **attributes}.items():
        if value is not None:
            setattr(ds, keyword, value)
    if "PixelData" in ds:
        ds["PixelData"].VR = "OW"
    return ds


def instance_bytes(**attributes: object) -> bytes:
    """The data set of a CT image that a C-STORE request by 1.2.3.4 brings, in Explicit VR Little Endian."""
    encoded = encode(instance(SOPInstanceUID="1.2.3.4", **attributes), False, True)
    assert encoded is not None
    return encoded


def write_file(
    folder: Path,
    *,
    transfer_syntax_uid: str = ExplicitVRLittleEndian,
    named_class_uid: str | None = None,
    named_instance_uid: str | None = None,
    **attributes: object,
) -> Path:
    """Write an instance; what its File Meta Information names it is what C-STORE will name it."""
    ds = instance(**attributes)
    encoded = encode(ds, transfer_syntax_uid == ImplicitVRLittleEndian, True)
    assert encoded is not None
    file_meta = file_meta_information(
        named_class_uid or ds.SOPClassUID, named_instance_uid or ds.SOPInstanceUID, transfer_syntax_uid
    )
    path = folder / f"{generate_uid()}.dcm"
    path.write_bytes(file_meta + encoded)
    return path


@contextmanager
def until_released(association: Association) -> Iterator[None]:
    """Release it at the end, or abort it where a test fails; its responses are the caller's."""
    try:
        with responses_for_the_caller(association):
            yield
            if association.is_established:
                association.release()
    finally:
        if association.is_established:
            association.abort()


@contextmanager
def responses_for_the_caller(association: Association) -> Iterator[None]:
    """Keep pynetdicom's own loop, which now and then takes a response that the caller waits for, asleep."""
    checkpoint = association._reactor_checkpoint
    checkpoint.clear()
    while association.is_alive() and not association._is_paused:
        time.sleep(0.001)
    checkpoint.set = lambda: None
    try:
        yield
    finally:
        del checkpoint.set
        checkpoint.set()


@contextmanager
def association_for(
    paths: Iterable[Path], port: int, *, called: str = "MAIN", calling: str = "MODALITY"
) -> Iterator[Association]:
    """An association with one presentation context for each kind of file."""
    ae = AE(ae_title=calling)
    kinds = {
        (ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.TransferSyntaxUID)
        for ds in (dcmread(path, stop_before_pixels=True) for path in paths)
    }
    for sop_class_uid, transfer_syntax_uid in sorted(kinds):
        ae.add_requested_context(sop_class_uid, transfer_syntax_uid)
    if not kinds:
        ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate("127.0.0.1", port, ae_title=called)
    with until_released(association):
        yield association


def send(path: Path, port: int, *, called: str = "MAIN", calling: str = "MODALITY") -> Dataset:
    """Send one file, and return the elements of the response."""
    with association_for([path], port, called=called, calling=calling) as association:
        assert association.is_established
        return association.send_c_store(path)
