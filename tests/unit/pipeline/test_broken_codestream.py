"""A JPEG 2000 instance whose codestream is rubbish is an instance all the same: stored, indexed, and described."""

import json
from io import BytesIO
from random import Random
from uuid import uuid4

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from imaging.aws.dynamodb_table import ManifestTable
from imaging.errors import Rejected
from tests.archive import Archive
from tests.manifest_table import create_manifest_table
from tests.unit.dicom.files import pydicom_file

ITEM_HEADER_BYTES = 8


@pytest.fixture(scope="module")
def archive(embedded_aws: object) -> Archive:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return Archive(ManifestTable(name))


def corrupted(name: str, seed: int, *, from_byte: int) -> bytes:
    """As pydicom saves it: under a new SOP Instance UID, with random bytes in its Pixel Data."""
    ds, random = dcmread(BytesIO(pydicom_file(name))), Random(seed)
    ds.SOPInstanceUID = generate_uid()
    intact = ds.PixelData[:from_byte]
    ds.PixelData = intact + random.randbytes(len(ds.PixelData) - len(intact))
    file = BytesIO()
    ds.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["JPEG2000.dcm", "MR_small_jp2klossless.dcm", "693_J2KI.dcm"])
def test_its_metadata_is_there(archive: Archive, name: str, seed: int) -> None:
    key = archive.send_file(corrupted(name, seed, from_byte=3 * ITEM_HEADER_BYTES))
    answer = archive.get(
        f"studies/{key.study_instance_uid}/series/{key.series_instance_uid}/instances/{key.sop_instance_uid}/metadata"
    )
    assert answer.status == 200
    (data_set,) = json.loads(answer.body)
    assert data_set["00080018"]["Value"] == [key.sop_instance_uid]
    assert "BulkDataURI" in data_set["7FE00010"]


def test_where_the_random_bytes_are_the_length_of_a_fragment_the_file_is_refused(archive: Archive) -> None:
    content = corrupted("JPEG2000.dcm", 1, from_byte=3 * ITEM_HEADER_BYTES)
    ds = dcmread(BytesIO(content))
    first_item = content.index(ds.PixelData[:ITEM_HEADER_BYTES]) + ITEM_HEADER_BYTES
    broken = content[: first_item + 4] + b"\xf0\xff\xff\x7f" + content[first_item + 8 :]
    with pytest.raises(Rejected, match="ends in the middle"):
        archive.send_file(broken)
