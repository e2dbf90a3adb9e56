"""Studies that nobody has stored yet: noisy pictures of the sizes that scanners send, made before any clock runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from io import BytesIO
from secrets import randbelow

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian

from imaging.model.identifiers import InstanceKey

PATIENT_ID, STUDY_DATE = "BENCH-1", "20260102"
LARGE, SMALL = 512, 64  # pixels a side
SLICE_BYTES = LARGE * LARGE * 2

# Every UID made here is as long as these, and every Instance Number, so that they change places within a file.
_LEAST = 10**38
_STUDY, _SERIES, _INSTANCE = (f"2.25.{_LEAST + number}" for number in range(3))
_NUMBER = 77777


class Kind(Enum):
    """What a row stores and reads."""

    CT = "CT"
    MULTI_FRAME = "multi-frame"
    SMALL = "small"


@dataclass(frozen=True)
class Sizes:
    """How much of each kind one client stores."""

    ct_slices: int = 300
    frames: int = 200
    small_studies: int = 200


@dataclass(frozen=True)
class Study:
    """The keys of a study's instances, and at the same places their Part 10 files."""

    keys: tuple[InstanceKey, ...]
    files: tuple[bytes, ...]

    @property
    def study_instance_uid(self) -> str:
        return self.keys[0].study_instance_uid

    @cached_property
    def size_bytes(self) -> int:
        return sum(map(len, self.files))


def frame_ranges(multi_frame: bytes) -> list[tuple[int, int]]:
    """The first and the last byte of each frame of a multi-frame file, which begins with its header."""
    frames, header_bytes = divmod(len(multi_frame), SLICE_BYTES)
    starts = range(header_bytes, len(multi_frame), SLICE_BYTES)
    assert len(starts) == frames
    return [(start, start + SLICE_BYTES - 1) for start in starts]


class StudyMaker:
    """Makes studies of each kind, no two with a UID or a first row of pixels in common."""

    def __init__(self, space: str, sizes: Sizes) -> None:
        self._space = space
        self._sizes = sizes
        self._slices = [_picture(LARGE, number) for number in range(max(sizes.ct_slices, sizes.frames))]
        self._small = _picture(SMALL, 0)
        self._headers = {
            Kind.CT: _header(_ct(LARGE)),
            Kind.MULTI_FRAME: _header(_enhanced_ct(sizes.frames)),
            Kind.SMALL: _header(_ct(SMALL)),
        }

    def for_one_client(self, kind: Kind) -> list[Study]:
        """What one client stores: a study, or many small ones."""
        if kind is Kind.SMALL:
            return [self._study(kind, [self._small]) for _ in range(self._sizes.small_studies)]
        if kind is Kind.CT:
            return [self._study(kind, self._slices[: self._sizes.ct_slices])]
        return [self._study(kind, [b"".join(self._slices[: self._sizes.frames])])]

    def _study(self, kind: Kind, pictures: Sequence[bytes]) -> Study:
        study_instance_uid, series_instance_uid = _uid(), _uid()
        keys = [InstanceKey(self._space, study_instance_uid, series_instance_uid, _uid()) for _ in pictures]
        own_row = _noise(SMALL).tobytes()
        files = [
            b"".join((_filled_in(self._headers[kind], key, number), own_row, memoryview(picture)[len(own_row) :]))
            for number, (key, picture) in enumerate(zip(keys, pictures, strict=True), start=1)
        ]
        return Study(tuple(keys), tuple(files))


def _uid() -> str:
    return f"2.25.{_LEAST + randbelow(9 * _LEAST)}"


def _noise(pixels: int) -> np.ndarray:
    return np.random.default_rng().normal(0, 12, pixels).astype("<i2")


def _picture(side: int, number: int) -> bytes:
    """A round body in air, each slice a little smaller, with a scanner's noise: it compresses to about half."""
    y, x = np.ogrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius = 0.9 - number / 1000
    body = np.where(x * x + y * y < radius * radius, 40 + 60 * np.cos(6 * x) * np.sin(5 * y), -1000)
    picture: np.ndarray = body.astype("<i2") + _noise(side * side).reshape(side, side)
    return picture.tobytes()


def _ct(side: int) -> Dataset:
    ds = _patient_and_study()
    ds.SOPClassUID = CTImageStorage
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.InstanceNumber = _NUMBER
    ds.SliceThickness, ds.KVP = "1.0", "120"
    ds.ImagePositionPatient = [-250.0, -250.0, 0.0]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [0.98, 0.98]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "HU"
    ds.WindowCenter, ds.WindowWidth = "40", "400"
    _pixels(ds, side, 1)
    return ds


def _enhanced_ct(frames: int) -> Dataset:
    """An object with Per-Frame Functional Groups, PS3.3 Section C.7.6.16, as long as such headers are."""
    ds = _patient_and_study()
    ds.SOPClassUID = EnhancedCTImageStorage
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.InstanceNumber = _NUMBER
    ds.NumberOfFrames = frames
    ds.PerFrameFunctionalGroupsSequence = [_functional_groups(number) for number in range(1, frames + 1)]
    _pixels(ds, LARGE, frames)
    return ds


def _functional_groups(number: int) -> Dataset:
    content, position, measures, frame = Dataset(), Dataset(), Dataset(), Dataset()
    content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", number, [1, number]
    position.ImagePositionPatient = [-250.0, -250.0, float(number)]
    measures.SliceThickness, measures.PixelSpacing = "1.0", [0.98, 0.98]
    frame.FrameContentSequence = [content]
    frame.PlanePositionSequence = [position]
    frame.PixelMeasuresSequence = [measures]
    return frame


def _patient_and_study() -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = _STUDY, _SERIES, _INSTANCE
    ds.PatientID, ds.PatientName, ds.PatientSex = PATIENT_ID, "Bench^Synthetic", "O"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = STUDY_DATE, "030405", "BENCH"
    ds.StudyDescription, ds.SeriesDescription = "Synthetic phantom", "Axial 1 mm"
    ds.Modality, ds.Manufacturer, ds.BodyPartExamined = "CT", "None", "ABDOMEN"
    ds.SeriesNumber = 1
    ds.FrameOfReferenceUID = _STUDY
    return ds


def _pixels(ds: Dataset, side: int, frames: int) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = side
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 1
    ds.PixelData = bytes(side * side * 2 * frames)


def _header(ds: Dataset) -> bytes:
    """A Part 10 file up to the first byte of its pixels."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()[: -len(ds.PixelData)]


def _filled_in(header: bytes, key: InstanceKey, number: int) -> bytes:
    for placeholder, value in (
        (str(_NUMBER), f"{number:05d}"),  # first: the UIDs may hold these digits too
        (_STUDY, key.study_instance_uid),
        (_SERIES, key.series_instance_uid),
        (_INSTANCE, key.sop_instance_uid),
    ):
        header = header.replace(placeholder.encode(), value.encode())
    return header
