"""Queries as they are sent, against data sets as they are stored: character sets, sequences, numbers, times."""

from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_charset_files

from imaging.dicom.attributes import indexed
from imaging.dicom.byte_source import BytesSource
from imaging.dicom.header import read_header
from imaging.dicom.json_model import to_dicom_json
from imaging.dicomweb.query import parse_query
from imaging.model.identifiers import InstanceKey
from imaging.reading.matcher import meets, reader_of
from imaging.reading.query_keys import Level
from tests.instances import part10_instance

STEP = Dataset()
STEP.ScheduledProcedureStepID = "SPS 1"
STEP.RequestedProcedureID = "RP 1"
OTHER_STEP = Dataset()
OTHER_STEP.ScheduledProcedureStepID = "SPS 2"
OTHER_STEP.RequestedProcedureID = "RP 2"
PART10 = part10_instance(
    InstanceKey("main", "1", "1.2", "1.2.3"),
    SpecificCharacterSet="ISO_IR 192",
    StudyDate="20260705",
    StudyTime="233000",
    TimezoneOffsetFromUTC="+0000",
    PatientName="Müller^Jörg=山田^太郎=やまだ^たろう",
    PatientBirthDate="19700101",
    PatientSex="M",
    PatientAge="056Y",
    StudyDescription="CT Thorax",
    Modality="CT",
    BodyPartExamined="CHEST",
    SeriesNumber="7",
    OperatorsName=["Abel^A", "Baker^B"],
    RequestAttributesSequence=[STEP, OTHER_STEP],
    ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
    AcquisitionDateTime="20260705233000.5+0000",
    Rows=512,
    AccessionNumber="",
)


def matches(part10: bytes, query: str) -> bool:
    parameters = [(name, value) for name, _, value in (each.partition("=") for each in query.split("&"))]
    asked = parse_query(parameters, Level.INSTANCE, max_results=10)
    return meets(asked.criteria, reader_of(indexed(to_dicom_json(read_header(BytesSource(part10))))))


@pytest.mark.parametrize(
    "query",
    [
        "PatientName=muller^jorg",
        "PatientName=山田*",
        "PatientName=M*==やまだ*",
        "PatientName=jorg muler&fuzzymatching=true",
        "PatientBirthDate=19691231-19700101&PatientSex=M&PatientAge=056Y",
        "StudyDescription=*Thorax",
        "StudyDate=20260705-20260706&StudyTime=23-01",
        "StudyTime=2330",
        "00080030=-233000",
        "StudyDate=20260706&TimezoneOffsetFromUTC=+0100",
        "StudyTime=0030&TimezoneOffsetFromUTC=+0100",
        "AcquisitionDateTime=202607060030+0100",
        "AcquisitionDateTime=20260706003000.5&TimezoneOffsetFromUTC=+0100",
        "BodyPartExamined=CH?ST&SeriesNumber=07&Rows=512",
        "RequestAttributesSequence.ScheduledProcedureStepID=SPS 1&00400275.00401001=RP*",
        "OperatorsName=baker^b\\abel^a&multiplevaluematching=true",
        "ImageType=AXIAL",
        'AccessionNumber=""&StudyID=""&emptyvaluematching=true',
    ],
)
def test_finds_what_is_asked_for(query: str) -> None:
    assert matches(PART10, query)


@pytest.mark.parametrize(
    "query",
    [
        "PatientName=muller",
        "PatientName=山田*=",
        "PatientName=muller hans&fuzzymatching=true",
        "StudyDescription=ct thorax",
        "StudyDate=20260705&TimezoneOffsetFromUTC=+0100",
        "StudyTime=2330&TimezoneOffsetFromUTC=+0100",
        "StudyDate=20260705-20260705&StudyTime=00-01",
        "AcquisitionDateTime=20260706",
        "AcquisitionDateTime=20260705&TimezoneOffsetFromUTC=+0100",
        "RequestAttributesSequence.ScheduledProcedureStepID=SPS 1&00400275.00401001=RP 2",
        "OperatorsName=baker^b\\charlie&multiplevaluematching=true",
        'PatientSex=""&emptyvaluematching=true',
        "StudyID=?*",
    ],
)
def test_leaves_out_what_does_not_match(query: str) -> None:
    assert not matches(PART10, query)


@pytest.mark.parametrize("path", get_charset_files("*.dcm"), ids=lambda path: Path(path).name)
def test_finds_names_whatever_their_character_set(path: str) -> None:
    ds, part10 = dcmread(path), BytesIO()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = "1", "1.2", "1.2.3"
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID
    ds.save_as(part10, enforce_file_format=True)
    where, holder = "", dcmread(path)
    if "PatientName" not in holder:
        where, holder = "RequestedProcedureCodeSequence.", holder.RequestedProcedureCodeSequence[0]
    groups = [group for group in holder.PatientName.components if group.strip("^ ")]
    assert groups
    for group in groups:
        assert matches(part10.getvalue(), f"{where}PatientName={group}")
        assert matches(part10.getvalue(), f"{where}PatientName={group[:2]}*")
        assert not matches(part10.getvalue(), f"{where}PatientName={group}x")
