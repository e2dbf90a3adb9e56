"""Small instances made for a test."""

import hashlib
from datetime import datetime
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from imaging.dicom.byte_source import BytesSource
from imaging.dicom.header import read_header
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Arrival, Door


def part10_instance(key: InstanceKey, **attributes: object) -> bytes:
    """A CT instance of 8 by 8 pixels as a Part 10 file; `attributes` go by keyword."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = key.sop_instance_uid
    ds.StudyInstanceUID = key.study_instance_uid
    ds.SeriesInstanceUID = key.series_instance_uid
    ds.PatientID = "PID-1"
    ds.PatientName = "Test^Patient"
    ds.StudyDate = "20260102"
    ds.StudyTime = "030405"
    ds.AccessionNumber = "ACC-1"
    ds.Modality = "CT"
    ds.SeriesNumber = 1
    ds.InstanceNumber = 1
    ds.Rows = ds.Columns = 8
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.SamplesPerPixel = 1
    ds.PixelRepresentation = 0
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = bytes(128)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def data_set_of(part10: bytes) -> bytes:
    """The bytes behind the File Meta Information, which each door may write its own way."""
    return part10[read_header(BytesSource(part10)).data_set_offset :]


def stored_metadata(part10: bytes, stored_at: datetime, expected_instances: int | None = None) -> dict[str, str]:
    """The object metadata a door would give it."""
    digest = hashlib.sha256(part10).hexdigest()
    arrival = Arrival(digest, ExplicitVRLittleEndian, Door.STOW_RS, stored_at, expected_instances=expected_instances)
    return arrival.as_object_metadata()
