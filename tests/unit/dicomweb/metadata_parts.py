"""Splits instances into the parts of a metadata request, and puts such parts together."""

import io
import json
from collections.abc import Iterable
from typing import Any, BinaryIO

import pydicom
from pydicom import Dataset
from pydicom.dataelem import DataElement

from imaging.dicomweb.media_types import DICOM_JSON, DICOM_XML
from imaging.dicomweb.metadata_request import MetadataAssembly
from imaging.dicomweb.multipart import Part
from imaging.errors import Rejected
from tests.unit.dicom.files import pydicom_file

INSTANCE: dict[str, Any] = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    "0020000D": {"vr": "UI", "Value": ["1.2.1"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.2"]},
}
PIXEL_DATA_ELSEWHERE = {"7FE00010": {"vr": "OW", "BulkDataURI": "http://x/bulk/1"}}


def json_part(*data_sets: Any) -> Part:
    return Part(DICOM_JSON, io.BytesIO(json.dumps(data_sets).encode()))


def xml_part(content: str) -> Part:
    return Part(DICOM_XML, io.BytesIO(content.encode()))


def bulk_part(
    content: bytes, location: str = "http://x/bulk/1", media_type: str = "application/octet-stream", syntax: str = ""
) -> Part:
    parameters = {"transfer-syntax": syntax} if syntax else {}
    return Part(media_type, io.BytesIO(content), parameters, location)


def outcomes(*parts: Part, root_type: str = DICOM_JSON) -> list[bytes | Rejected]:
    """What becomes of the parts: whole files and refusals."""
    found: list[bytes | Rejected] = []
    with MetadataAssembly(root_type) as assembly:
        for part in parts:
            found.extend(map(content_of, assembly.add(part)))
        found.extend(assembly.finish())
    return found


def content_of(outcome: BinaryIO | Rejected) -> bytes | Rejected:
    if isinstance(outcome, Rejected):
        return outcome
    with outcome:
        assert outcome.tell() == 0
        return outcome.read()


def files(*parts: Part) -> list[Dataset]:
    return [pydicom.dcmread(io.BytesIO(content)) for content in outcomes(*parts) if isinstance(content, bytes)]


def only_file(*parts: Part) -> Dataset:
    (content,) = outcomes(*parts)
    assert isinstance(content, bytes), str(content)
    return pydicom.dcmread(io.BytesIO(content))


def only_refusal(*parts: Part) -> Rejected:
    (rejected,) = outcomes(*parts)
    assert isinstance(rejected, Rejected)
    return rejected


def real(name: str) -> Dataset:
    return pydicom.dcmread(io.BytesIO(pydicom_file(name)))


def split(ds: Dataset, base: str = "http://x/bulk/") -> tuple[dict[str, Any], dict[str, DataElement]]:
    """DICOM JSON without its bulk values, and those by their BulkDataURI."""
    elsewhere: dict[str, DataElement] = {}

    def put(element: DataElement) -> str:
        uri = f"{base}{len(elsewhere)}"
        elsewhere[uri] = element
        return uri

    return ds.to_json_dict(bulk_data_threshold=256, bulk_data_element_handler=put), elsewhere


def octets(elsewhere: dict[str, DataElement]) -> Iterable[Part]:
    return (bulk_part(element.value, uri) for uri, element in elsewhere.items())
