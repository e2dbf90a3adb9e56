"""Radiation dose reports, made item by item as PS3.16 has them, and read back as the index reads them."""

from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, XRayRadiationDoseSRStorage

from imaging.dicom.byte_source import BytesSource
from imaging.dicom.header import read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import DicomJson

KEY = InstanceKey("main", "1.2.3", "1.2.3.9", "1.2.3.9.1")
DCM = codes.DCM


def coded(code: Code | str) -> Dataset:
    """A coded entry, of pydicom's dictionary, or ``scheme|value|meaning``."""
    if isinstance(code, str):
        scheme, value, meaning = code.split("|")
        code = Code(value, scheme, meaning)
    entry = Dataset()
    entry.CodeValue, entry.CodingSchemeDesignator, entry.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return entry


def item(value_type: str, concept: Code | str, *below: Dataset, **values: Any) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = "CONTAINS", value_type
    made.ConceptNameCodeSequence = [coded(concept)]
    for keyword, value in values.items():
        setattr(made, keyword, value)
    if below:
        made.ContentSequence = list(below)
    return made


def container(concept: Code | str, *below: Dataset) -> Dataset:
    return item("CONTAINER", concept, *below, ContinuityOfContent="SEPARATE")


def num(concept: Code | str, value: str | None, unit: str, *below: Dataset, scheme: str = "UCUM") -> Dataset:
    """A measurement; None: it was not measured."""
    if value is None:
        return item("NUM", concept, *below, MeasuredValueSequence=[])
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = [coded(f"{scheme}|{unit}|the unit")]
    return item("NUM", concept, *below, MeasuredValueSequence=[measured])


def code(concept: Code | str, value: Code | str, *below: Dataset) -> Dataset:
    return item("CODE", concept, *below, ConceptCodeSequence=[coded(value)])


def uid(concept: Code | str, value: str) -> Dataset:
    return item("UIDREF", concept, UID=value)


def moment(concept: Code | str, value: str) -> Dataset:
    return item("DATETIME", concept, DateTime=value)


def words(concept: Code | str, value: str) -> Dataset:
    return item("TEXT", concept, TextValue=value)


def report(*content: Dataset, root: Code | str = DCM.XRayRadiationDoseReport, **attributes: Any) -> DicomJson:
    """The metadata of a report, written as a file and read as any file is."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = XRayRadiationDoseSRStorage, KEY.sop_instance_uid
    made.StudyInstanceUID, made.SeriesInstanceUID = KEY.study_instance_uid, KEY.series_instance_uid
    made.Modality, made.CompletionFlag, made.VerificationFlag = "SR", "COMPLETE", "UNVERIFIED"
    made.update(container(root, *content))
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = BytesIO()
    made.save_as(file, enforce_file_format=True)
    return to_dicom_json(read_header(BytesSource(file.getvalue())))
