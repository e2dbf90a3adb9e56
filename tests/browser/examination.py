"""One patient's examination: CT slices, what was drawn and written about them, and a film of 200 frames."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    RTStructureSetStorage,
    SegmentationStorage,
)

SLICES, SIDE, FRAMES = 24, 128, 200
SPACING_MM, THICKNESS_MM = 2.0, 3.0

_Y, _X = np.mgrid[0:SIDE, 0:SIDE]


def uid() -> str:
    """A new one."""
    return f"2.25.{uuid4().int}"


@dataclass(frozen=True)
class Examination:
    """Makes the instances of one study.

    Attributes
    ----------
    slices
        The CT series' data sets, from the feet up.
    measured_pixels
        How long what the report measures is in the picture.
    """

    patient_id: str
    study_instance_uid: str = field(default_factory=uid)
    frame_of_reference_uid: str = field(default_factory=uid)
    slices: list[Dataset] = field(default_factory=list)
    measured_pixels: float = 40.0

    def instances(self) -> Iterator[bytes]:
        """Everything, as Part 10 files."""
        self.slices.extend(self._ct(number) for number in range(SLICES))
        series = uid()
        for ds in self.slices:
            ds.SeriesInstanceUID = series
        others = (
            self._film(),
            self._segmentation(),
            self._structure_set(),
            self._report(),
            self._document(),
            self._narrative(),
        )
        for ds in (*self.slices, *others):
            yield _part10(ds)

    def _new(self, sop_class_uid: str, modality: str, number: int, description: str) -> Dataset:
        ds = Dataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.SOPClassUID, ds.SOPInstanceUID = sop_class_uid, uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID = self.study_instance_uid, uid()
        ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = (
            self.patient_id,
            "Meier^Anna",
            "19600102",
            "F",
        )
        ds.StudyDate, ds.StudyTime, ds.StudyID = "20260102", "030405", "1"
        ds.StudyDescription, ds.AccessionNumber, ds.ReferringPhysicianName = "Abdomen", f"A-{self.patient_id}", ""
        ds.ContentDate, ds.ContentTime = ds.StudyDate, ds.StudyTime
        ds.Modality, ds.SeriesNumber, ds.SeriesDescription, ds.InstanceNumber = modality, number, description, 1
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return ds

    def _ct(self, number: int) -> Dataset:
        ds = self._new(CTImageStorage, "CT", 1, "CT of a phantom")
        ds.InstanceNumber = number + 1
        _place(ds, self.frame_of_reference_uid, number)
        ds.RescaleIntercept, ds.RescaleSlope = 0, 1
        ds.WindowCenter, ds.WindowWidth = 40, 400
        _pixels(ds, hounsfield_units(number).astype("<i2"), bits_stored=16)
        return ds

    def _film(self) -> Dataset:
        ds = self._new(MultiFrameGrayscaleWordSecondaryCaptureImageStorage, "OT", 2, "Film of 200 frames")
        ds.ConversionType, ds.NumberOfFrames = "SYN", FRAMES
        ds.FrameTime, ds.FrameIncrementPointer = 40, 0x00181063
        ds.WindowCenter, ds.WindowWidth = 2048, 4096
        _pixels(ds, np.stack([film_frame(number) for number in range(FRAMES)]).astype("<u2"), bits_stored=16)
        return ds

    def _segmentation(self) -> Dataset:
        """The bright ball of the phantom, a frame for each slice that it touches (PS3.3 A.51)."""
        ds = self._new(SegmentationStorage, "SEG", 3, "Ball")
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = self.frame_of_reference_uid, ""
        ds.ImageType, ds.ContentLabel, ds.ContentDescription = ["DERIVED", "PRIMARY"], "BALL", ""
        ds.ContentCreatorName, ds.Manufacturer, ds.ManufacturerModelName = "", "Tests", "Tests"
        ds.DeviceSerialNumber, ds.SoftwareVersions = "1", "1"
        ds.SegmentationType, ds.LossyImageCompression = "BINARY", "00"
        touched = [(number, mask) for number in range(SLICES) if (mask := ball(number)).any()]
        ds.NumberOfFrames = len(touched)
        ds.SegmentSequence = [_segment()]
        organization = uid()
        ds.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=organization)]
        ds.DimensionIndexSequence = [
            _item(
                DimensionOrganizationUID=organization,
                DimensionIndexPointer=0x0062000B,  # Referenced Segment Number
                FunctionalGroupPointer=0x0062000A,
            ),
            _item(
                DimensionOrganizationUID=organization,
                DimensionIndexPointer=0x00200032,  # Image Position (Patient)
                FunctionalGroupPointer=0x00209113,
            ),
        ]
        measures = _item(SliceThickness=THICKNESS_MM, SpacingBetweenSlices=THICKNESS_MM, PixelSpacing=[SPACING_MM] * 2)
        ds.SharedFunctionalGroupsSequence = [
            _item(
                PixelMeasuresSequence=[measures],
                PlaneOrientationSequence=[_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
                SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=1)],
            )
        ]
        ds.PerFrameFunctionalGroupsSequence = [
            self._segmented_frame(number, index) for index, (number, _) in enumerate(touched, start=1)
        ]
        ds.ReferencedSeriesSequence = [
            _item(
                SeriesInstanceUID=self.slices[0].SeriesInstanceUID,
                ReferencedInstanceSequence=[_reference(each) for each in self.slices],
            )
        ]
        _pixels(ds, np.stack([mask for _, mask in touched]).astype("u1"), bits_stored=1)
        return ds

    def _segmented_frame(self, number: int, index: int) -> Dataset:
        source = _reference(self.slices[number])
        source.PurposeOfReferenceCodeSequence = [_code(codes.DCM.SourceImageForImageProcessingOperation)]
        return _item(
            FrameContentSequence=[_item(DimensionIndexValues=[1, index])],
            PlanePositionSequence=[_item(ImagePositionPatient=self.slices[number].ImagePositionPatient)],
            DerivationImageSequence=[
                _item(DerivationCodeSequence=[_code(codes.DCM.Segmentation)], SourceImageSequence=[source])
            ],
        )

    def _structure_set(self) -> Dataset:
        """The same ball as contours (PS3.3 A.19)."""
        ds = self._new(RTStructureSetStorage, "RTSTRUCT", 4, "Ball as contours")
        ds.StructureSetLabel, ds.StructureSetDate, ds.StructureSetTime = "BALL", ds.StudyDate, ds.StudyTime
        series = _item(
            SeriesInstanceUID=self.slices[0].SeriesInstanceUID,
            ContourImageSequence=[_reference(each) for each in self.slices],
        )
        study = _item(
            ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
            ReferencedSOPInstanceUID=self.study_instance_uid,
            RTReferencedSeriesSequence=[series],
        )
        ds.ReferencedFrameOfReferenceSequence = [
            _item(FrameOfReferenceUID=self.frame_of_reference_uid, RTReferencedStudySequence=[study])
        ]
        ds.StructureSetROISequence = [
            _item(
                ROINumber=1,
                ReferencedFrameOfReferenceUID=self.frame_of_reference_uid,
                ROIName="Ball",
                ROIGenerationAlgorithm="MANUAL",
            )
        ]
        contours = [self._contour(number) for number in range(SLICES) if ball(number).any()]
        ds.ROIContourSequence = [_item(ReferencedROINumber=1, ROIDisplayColor=[255, 120, 0], ContourSequence=contours)]
        ds.RTROIObservationsSequence = [
            _item(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="ORGAN", ROIInterpreter="")
        ]
        ds.ApprovalStatus = "UNAPPROVED"
        return ds

    def _contour(self, number: int) -> Dataset:
        x, y, z = self.slices[number].ImagePositionPatient
        radius = np.sqrt(ball(number).sum() / np.pi)
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        points = [
            (x + (80 + radius * np.cos(angle)) * SPACING_MM, y + (56 + radius * np.sin(angle)) * SPACING_MM, z)
            for angle in angles
        ]
        return _item(
            ContourImageSequence=[_reference(self.slices[number])],
            ContourGeometricType="CLOSED_PLANAR",
            NumberOfContourPoints=len(points),
            ContourData=[round(float(value), 2) for point in points for value in point],
        )

    def _report(self) -> Dataset:
        """A measurement report in outline (PS3.16 TID 1500), with one length in one slice."""
        ds = self._new(ComprehensiveSRStorage, "SR", 5, "Measurement report")
        ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
        ds.Manufacturer, ds.PerformedProcedureCodeSequence = "Tests", []
        middle = self.slices[SLICES // 2]
        series = _item(SeriesInstanceUID=middle.SeriesInstanceUID, ReferencedSOPSequence=[_reference(middle)])
        ds.CurrentRequestedProcedureEvidenceSequence = [
            _item(StudyInstanceUID=self.study_instance_uid, ReferencedSeriesSequence=[series])
        ]
        ds.ContentTemplateSequence = [_item(MappingResource="DCMR", TemplateIdentifier="1500")]
        image = _content("IMAGE", "SELECTED FROM", ReferencedSOPSequence=[_reference(middle)])
        line = _content(
            "SCOORD",
            "INFERRED FROM",
            GraphicType="POLYLINE",
            GraphicData=[60.0, 56.0, 60.0 + self.measured_pixels, 56.0],
            ContentSequence=[image],
        )
        value = _item(NumericValue="80", MeasurementUnitsCodeSequence=[_code(codes.UCUM.Millimeter)])
        length = _content("NUM", "CONTAINS", codes.SCT.Length, MeasuredValueSequence=[value], ContentSequence=[line])
        group = _content(
            "CONTAINER",
            "CONTAINS",
            codes.DCM.MeasurementGroup,
            ContinuityOfContent="SEPARATE",
            ContentSequence=[
                _content("TEXT", "HAS OBS CONTEXT", codes.DCM.TrackingIdentifier, TextValue="Diameter"),
                _content("UIDREF", "HAS OBS CONTEXT", codes.DCM.TrackingUniqueIdentifier, UID=uid()),
                _content("IMAGE", "CONTAINS", ReferencedSOPSequence=[_reference(middle)]),
                length,
            ],
        )
        measurements = _content(
            "CONTAINER",
            "CONTAINS",
            codes.DCM.ImagingMeasurements,
            ContinuityOfContent="SEPARATE",
            ContentSequence=[group],
        )
        ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
        ds.ConceptNameCodeSequence = [_code(codes.DCM.ImagingMeasurementReport)]
        ds.ContentSequence = [measurements]
        return ds

    def _document(self) -> Dataset:
        ds = self._new(EncapsulatedPDFStorage, "DOC", 6, "Report as PDF")
        file = BytesIO()
        Image.new("RGB", (210, 297), (40, 90, 160)).save(file, "PDF")
        ds.ConversionType, ds.BurnedInAnnotation, ds.DocumentTitle = "WSD", "NO", "Report"
        ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
        content = file.getvalue()
        ds.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
        ds.EncapsulatedDocumentLength = len(content)
        ds.ConceptNameCodeSequence = []
        return ds

    def _narrative(self) -> Dataset:
        """A report in words (PS3.3 A.35.1), where not each item has a name."""
        ds = self._new(BasicTextSRStorage, "SR", 7, "Report in words")
        ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
        ds.Manufacturer, ds.PerformedProcedureCodeSequence = "Tests", []
        ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
        ds.ConceptNameCodeSequence = [_code(codes.LN.DiagnosticImagingReport)]
        section = _content(
            "CONTAINER",
            "CONTAINS",
            ContinuityOfContent="SEPARATE",
            ContentSequence=[_content("TEXT", "CONTAINS", TextValue="There is a ball in the phantom.")],
        )
        ds.ContentSequence = [section, _content("TEXT", "CONTAINS", codes.DCM.Finding, TextValue="It is round.")]
        return ds


def hounsfield_units(number: int) -> NDArray[Any]:
    """A slice of the phantom: air, a body of water, a spine and the ball."""
    body = ((_X - 64) / 54) ** 2 + ((_Y - 64) / 40) ** 2 <= 1
    spine = (_X - 64) ** 2 + (_Y - 92) ** 2 <= 81
    values = np.where(body, 0, -1000)
    values[spine] = 700
    values[ball(number)] = 120
    return values + np.where(body, (_X * 7 + _Y * 13) % 23 - 11, 0)


def ball(number: int) -> NDArray[Any]:
    """Which pixels of a slice are of the ball: radius 30 mm around the middle slice."""
    height = (number - SLICES // 2) * THICKNESS_MM
    return (30**2 - height**2) / SPACING_MM**2 >= (_X - 80) ** 2 + (_Y - 56) ** 2


def film_frame(number: int) -> NDArray[Any]:
    """A bright bar that goes from left to right."""
    return np.where(abs(_X - number * SIDE / FRAMES) < 6, 4000, 400) + _Y


def _place(ds: Dataset, frame_of_reference_uid: str, number: int) -> None:
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = frame_of_reference_uid, ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PixelSpacing, ds.SliceThickness = [SPACING_MM, SPACING_MM], THICKNESS_MM
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = [-128.0, -128.0, number * THICKNESS_MM]


def _pixels(ds: Dataset, values: NDArray[Any], *, bits_stored: int) -> None:
    ds.Rows = ds.Columns = SIDE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = max(1, values.itemsize * 8), bits_stored, bits_stored - 1
    ds.PixelRepresentation = int(values.dtype.kind == "i")
    if bits_stored == 1:
        ds.BitsAllocated = 1
        ds.PixelData = pack_bits(values.ravel())
    else:
        ds.PixelData = values.tobytes()


def _segment() -> Dataset:
    return _item(
        SegmentNumber=1,
        SegmentLabel="Ball",
        SegmentAlgorithmType="MANUAL",
        SegmentedPropertyCategoryCodeSequence=[_code(codes.SCT.AnatomicalStructure)],
        SegmentedPropertyTypeCodeSequence=[_code(codes.SCT.Organ)],
        RecommendedDisplayCIELabValue=[46000, 12000, 50000],
    )


def _reference(ds: Dataset) -> Dataset:
    return _item(ReferencedSOPClassUID=ds.SOPClassUID, ReferencedSOPInstanceUID=ds.SOPInstanceUID)


def _code(code: Code) -> Dataset:
    return _item(CodeValue=code.value, CodingSchemeDesignator=code.scheme_designator, CodeMeaning=code.meaning)


def _content(value_type: str, relationship: str, concept: Code | None = None, **attributes: Any) -> Dataset:
    """An item of a content tree (PS3.3 C.17.3)."""
    ds = _item(RelationshipType=relationship, ValueType=value_type, **attributes)
    if concept is not None:
        ds.ConceptNameCodeSequence = [_code(concept)]
    return ds


def _part10(ds: Dataset) -> bytes:
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _item(**attributes: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds
