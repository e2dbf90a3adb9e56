"""Real files through the running system, by both doors: all that pydicom ships come out as they came in.

They show the same pixels, too.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
from pydicom import dcmread
from pynetdicom import AE, _config
from pynetdicom.association import Association

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.header import BytesSource, Header, read_header
from imaging.dicom.part10 import file_meta_information
from imaging.dicom.quiet import without_warnings
from imaging.dicom.transfer_syntaxes import DECODABLE
from imaging.model.identifiers import InstanceKey
from tests.flow.client import Client, eventually
from tests.instances import data_set_of
from tests.unit.pipeline.test_store_every_pydicom_file import FOLDER, REFUSED, dicom_files

UNDECODABLE = {"JPEG-lossy.dcm", "JPEG2000-embedded-sequence-delimiter.dcm"}  # by pydicom's own decoders too
AS_STORED = {"Accept": "application/dicom; transfer-syntax=*"}

SUCCESS, CANNOT_UNDERSTAND = 0x0000, 0xC000


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent from a file is its bytes."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)


@contextmanager
def associated(client: Client, contents: Iterable[bytes]) -> Iterator[Association]:
    """An association that takes these files, each in its own transfer syntax."""
    ae = AE("TESTS")
    headers = [read_header(BytesSource(content)) for content in contents]
    for sop_class_uid, syntax in {(header.sop_class_uid, header.transfer_syntax_uid) for header in headers}:
        ae.add_requested_context(sop_class_uid, syntax)
    dimse = client.system.endpoints["dimse"]
    association = ae.associate(dimse["host"], dimse["port"], ae_title="MAIN")
    assert association.is_established
    yield association
    association.release()


def stored_files() -> list[dict[str, bytes]]:
    """Files by name, in rounds within which no SOP Instance UID comes twice."""
    by_instance: defaultdict[InstanceKey, list[tuple[str, bytes]]] = defaultdict(list)
    for name in dicom_files():
        if not any(fnmatch(name, pattern) for pattern in REFUSED):
            content = (FOLDER / name).read_bytes()
            content = missing_beginning(BytesSource(content)) + content
            by_instance[key_of(read_header(BytesSource(content)))].append((name, content))
    rounds = max(map(len, by_instance.values()))
    return [dict(files[number] for files in by_instance.values() if number < len(files)) for number in range(rounds)]


def key_of(header: Header) -> InstanceKey:
    return InstanceKey("research", header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid)


def c_store(association: Association, content: bytes, folder: Path) -> int:
    """Send the data set alone, which is all that a message has."""
    header = read_header(BytesSource(content))
    names = header.sop_class_uid, header.sop_instance_uid, header.transfer_syntax_uid
    file = folder / "sent.dcm"
    file.write_bytes(file_meta_information(*names) + data_set_of(content))
    status: int = association.send_c_store(file).Status
    return status


@pytest.mark.usefixtures("untouched")
def test_comes_back_byte_for_byte_and_with_the_same_first_frame(client: Client, tmp_path: Path) -> None:
    checked_frames = 0
    for files in stored_files():
        assert client.stow(list(files.values()), space="research").status_code in (200, 202)
        with associated(client, files.values()) as association:
            for name, content in files.items():
                mislabelled = read_header(BytesSource(content)).is_encoded_otherwise
                assert c_store(association, content, tmp_path) == (CANNOT_UNDERSTAND if mislabelled else SUCCESS), name
        for name, content in files.items():
            header = read_header(BytesSource(content))
            key = key_of(header)
            address = (
                f"{client.system.dicomweb('research')}/studies/{key.study_instance_uid}/series/"
                f"{key.series_instance_uid}/instances/{key.sop_instance_uid}"
            )
            eventually(name, lambda: client.http.get(address, headers=AS_STORED).content == content)  # noqa: B023
            there = replace(key, space="main")
            if not header.is_encoded_otherwise:
                eventually(name, lambda: is_held(client, there, content))  # noqa: B023
            checked_frames += check_first_frame(client, address, name, content, header.transfer_syntax_uid)
    assert checked_frames > 60


def is_held(client: Client, key: InstanceKey, content: bytes) -> bool:
    """Whether the space has that data set; the File Meta Information is ours."""
    held = client.instance_bytes(key)
    return held is not None and data_set_of(held) == data_set_of(content)


def check_first_frame(client: Client, address: str, name: str, content: bytes, transfer_syntax_uid: str) -> bool:
    """Whether there is one to check, and it is as pydicom has it."""
    answer = client.http.get(f"{address}/frames/1", headers={"Accept": "application/octet-stream"})
    with without_warnings():
        ds = dcmread(BytesIO(content), force=True)
    if "PixelData" not in ds or name.rpartition("/")[2] in UNDECODABLE:
        assert answer.status_code in (httpx.codes.NOT_ACCEPTABLE, httpx.codes.NOT_FOUND), name
        return False
    assert answer.status_code == httpx.codes.OK, (name, answer.text)
    if transfer_syntax_uid not in DECODABLE:
        if not ds.original_encoding[1]:
            return False  # bytes in another order: tests/unit/reading compare them
        assert ds.PixelData.startswith(answer.content), name
        return True
    with without_warnings():
        frames = ds.pixel_array if int(ds.get("NumberOfFrames") or 1) > 1 else ds.pixel_array[np.newaxis]
    assert answer.content.rstrip(b"\0") == frames[0].tobytes().rstrip(b"\0"), name
    return True
