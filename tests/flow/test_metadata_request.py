"""Metadata in JSON or XML, with bulk data beside it, becomes instances like any other."""

import json
from io import BytesIO
from typing import Any

import pydicom
import pytest
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import EncapsulatedPDFStorage, JPEGBaseline8Bit

from imaging.model.identifiers import InstanceKey
from tests.flow.client import BOUNDARY, eventually, new_study
from tests.unit.dicom.files import pydicom_file
from tests.unit.dicomweb.metadata_parts import split


def send(client, root_type: str, *parts: tuple[str, str, bytes]) -> dict[str, Any]:
    """Store (media type, location, content) parts; the response module."""
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Type: {media_type}\r\nContent-Location: {location}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for media_type, location, content in parts
    )
    answer = client.http.post(
        f"{client.system.dicomweb()}/studies",
        content=body + f"--{BOUNDARY}--\r\n".encode(),
        headers={"Content-Type": f'multipart/related; type="{root_type}"; boundary={BOUNDARY}'},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def renamed(ds: Dataset) -> InstanceKey:
    """Give the data set UIDs nobody has stored."""
    (key,) = new_study()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = key.study_instance_uid, key.series_instance_uid
    ds.SOPInstanceUID = key.sop_instance_uid
    return key


def stored(client, key: InstanceKey) -> Dataset:
    return pydicom.dcmread(BytesIO(eventually("the instance", lambda: client.instance_bytes(key))))


def real(name: str) -> Dataset:
    return pydicom.dcmread(BytesIO(pydicom_file(name)))


def test_json_with_uncompressed_pixels_becomes_the_instance_it_was_made_from(client):
    ds = real("CT_small.dcm")
    key = renamed(ds)
    metadata, elsewhere = split(ds)
    bulk = [("application/octet-stream", uri, element.value) for uri, element in elsewhere.items()]
    send(client, "application/dicom+json", ("application/dicom+json", "", json.dumps([metadata]).encode()), *bulk)
    found = stored(client, key)
    assert found.PixelData == ds.PixelData
    assert (found.PatientName, found.StudyDate, found.RescaleIntercept) == (
        ds.PatientName,
        ds.StudyDate,
        ds.RescaleIntercept,
    )
    assert len(client.wait_for_revision(key, 1)["additions"]) == 1


def test_json_with_jpeg_frames_becomes_a_compressed_instance(client):
    ds = real("SC_rgb_small_odd_jpeg.dcm")
    key = renamed(ds)
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    metadata = ds.to_json_dict(bulk_data_threshold=1, bulk_data_element_handler=lambda _: "pixels")
    parts = [("application/dicom+json", "", json.dumps([metadata]).encode()), ("image/jpeg", "pixels", frame)]
    send(client, "application/dicom+json", *parts)
    found = stored(client, key)
    assert found.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    (stored_frame,) = generate_frames(found.PixelData, number_of_frames=1)
    assert stored_frame == frame
    first = client.instance_bytes(key)
    send(client, "application/dicom+json", *parts)
    assert client.instance_bytes(key) == first


def test_xml_with_a_document_becomes_an_encapsulated_pdf(client):
    (key,) = new_study()
    document = b"%PDF-1.7 of an odd length"
    values = {
        "00080016": ("UI", EncapsulatedPDFStorage),
        "00080018": ("UI", key.sop_instance_uid),
        "0020000D": ("UI", key.study_instance_uid),
        "0020000E": ("UI", key.series_instance_uid),
        "00080060": ("CS", "DOC"),
    }
    attributes = "".join(
        f'<DicomAttribute tag="{tag}" vr="{vr}"><Value number="1">{value}</Value></DicomAttribute>'
        for tag, (vr, value) in values.items()
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">{attributes}'
        '<DicomAttribute tag="00420011" vr="OB" keyword="EncapsulatedDocument"><BulkData uri="report.pdf"/>'
        "</DicomAttribute></NativeDicomModel>"
    )
    send(
        client,
        "application/dicom+xml",
        ("application/dicom+xml", "", xml.encode()),
        ("application/pdf", "report.pdf", document),
    )
    found = stored(client, key)
    assert found.EncapsulatedDocument == document + b"\0"
    assert found.MIMETypeOfEncapsulatedDocument == "application/pdf"


@pytest.mark.parametrize("metadata", [b"{", b"[[]]", b'[{"00080018": 1}]', b"[]"])
def test_metadata_that_makes_no_instance_is_refused_with_a_sentence(client, metadata):
    body = f"--{BOUNDARY}\r\nContent-Type: application/dicom+json\r\n\r\n".encode() + metadata
    answer = client.http.post(
        f"{client.system.dicomweb()}/studies",
        content=body + f"\r\n--{BOUNDARY}--\r\n".encode(),
        headers={"Content-Type": f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}'},
    )
    assert answer.status_code in {400, 409}, answer.text
    assert "." in answer.text
