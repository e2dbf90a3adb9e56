"""The dicomweb-client library and a viewer's own requests against the running system."""

import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

import httpx
import pytest
from dicomweb_client import DICOMwebClient
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from imaging.model.identifiers import InstanceKey
from tests.instances import part10_instance

INDEXED_WITHIN_SECONDS = 30
Found = TypeVar("Found")


@pytest.fixture(scope="module")
def root(endpoints: dict[str, Any]) -> str:
    """The DICOMweb root of the first space."""
    address: str = endpoints["spaces"]["main"]["dicomweb"]
    return address


@pytest.fixture(scope="module")
def client(root: str) -> DICOMwebClient:
    return DICOMwebClient(root)


@pytest.fixture(scope="module")
def study(client: DICOMwebClient) -> dict[str, bytes]:
    """A study of two series with two instances each, stored and indexed; its bytes by SOP Instance UID."""
    study_instance_uid = generate_uid()
    stored = {}
    for modality in ("CT", "MR"):
        series_instance_uid = generate_uid()
        for number in (1, 2):
            key = InstanceKey("main", study_instance_uid, series_instance_uid, generate_uid())
            stored[key.sop_instance_uid] = part10_instance(
                key,
                Modality=modality,
                InstanceNumber=number,
                PatientID=f"PID-{study_instance_uid[-12:]}",
                PatientName="Interop^Ünal",
                SpecificCharacterSet="ISO_IR 192",
                AccessionNumber=study_instance_uid[-16:],
                ImageComments="." * 10_000,  # so that metadata is long enough to be compressed on its way
            )
    client.store_instances([dcmread(BytesIO(part10)) for part10 in stored.values()])
    until(lambda: len(client.search_for_instances(study_instance_uid=study_instance_uid)) == len(stored))
    return stored


def until(reached: Callable[[], Found]) -> Found:
    deadline = time.monotonic() + INDEXED_WITHIN_SECONDS
    while not (result := reached()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return result


def any_of(study: dict[str, bytes]) -> Dataset:
    return dcmread(BytesIO(next(iter(study.values()))))


def path_of(ds: Dataset) -> str:
    return f"studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "PatientID", "AccessionNumber"])
def test_finds_the_study(client: DICOMwebClient, study: dict[str, bytes], keyword: str) -> None:
    ds = any_of(study)
    (match,) = client.search_for_studies(search_filters={keyword: ds[keyword].value})
    found = Dataset.from_json(match)
    assert found.StudyInstanceUID == ds.StudyInstanceUID
    assert sorted(found.ModalitiesInStudy) == ["CT", "MR"]
    assert (found.NumberOfStudyRelatedSeries, found.NumberOfStudyRelatedInstances) == (2, 4)
    assert found.PatientName == "Interop^Ünal"


def test_finds_series_and_instances(client: DICOMwebClient, study: dict[str, bytes]) -> None:
    ds = any_of(study)
    (match,) = client.search_for_series(ds.StudyInstanceUID, search_filters={"Modality": "MR"})
    series = Dataset.from_json(match)
    assert series.NumberOfSeriesRelatedInstances == 2
    instances = client.search_for_instances(ds.StudyInstanceUID, series.SeriesInstanceUID, fields=["Rows"])
    assert {Dataset.from_json(instance).SOPInstanceUID for instance in instances} <= study.keys()


def test_pages_through_everything(client: DICOMwebClient, study: dict[str, bytes]) -> None:
    uid = any_of(study).StudyInstanceUID
    pages = [client.search_for_instances(uid, limit=1, offset=offset) for offset in range(5)]
    assert [len(page) for page in pages] == [1, 1, 1, 1, 0]
    everything = client.search_for_studies(limit=1, get_remaining=True)
    assert uid in {Dataset.from_json(match).StudyInstanceUID for match in everything}


def test_retrieves_the_study_as_it_was_stored(client: DICOMwebClient, study: dict[str, bytes]) -> None:
    uid = any_of(study).StudyInstanceUID
    retrieved = client.retrieve_study(uid)
    assert {ds.SOPInstanceUID: ds for ds in retrieved} == {
        sop_instance_uid: dcmread(BytesIO(part10)) for sop_instance_uid, part10 in study.items()
    }
    assert {ds.SOPInstanceUID for ds in client.iter_study(uid)} == study.keys()


def test_retrieves_a_series_and_an_instance(client: DICOMwebClient, study: dict[str, bytes]) -> None:
    ds = any_of(study)
    assert len(client.retrieve_series(ds.StudyInstanceUID, ds.SeriesInstanceUID)) == 2
    instance = client.retrieve_instance(
        ds.StudyInstanceUID,
        ds.SeriesInstanceUID,
        ds.SOPInstanceUID,
        media_types=(("application/dicom", ds.file_meta.TransferSyntaxUID),),
    )
    assert instance == ds


def test_retrieves_metadata_at_all_levels(client: DICOMwebClient, study: dict[str, bytes]) -> None:
    ds = any_of(study)
    of_study = client.retrieve_study_metadata(ds.StudyInstanceUID)
    of_series = client.retrieve_series_metadata(ds.StudyInstanceUID, ds.SeriesInstanceUID)
    of_instance = client.retrieve_instance_metadata(ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID)
    assert (len(of_study), len(of_series)) == (4, 2)
    assert of_instance in of_series
    del ds.PixelData, ds.SpecificCharacterSet
    assert of_instance.pop("7FE00010").keys() >= {"vr"}
    read = Dataset.from_json(of_instance)
    read.pop("SpecificCharacterSet", None)
    assert read == ds


def test_retrieves_frames_pictures_and_bulk_data(client: DICOMwebClient, study: dict[str, bytes]) -> None:
    ds = any_of(study)
    uids = (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID)
    (frame,) = client.retrieve_instance_frames(*uids, frame_numbers=[1])
    (found,) = client.iter_instance_frames(*uids, frame_numbers=[1], media_types=(("application/octet-stream", "*"),))
    assert frame == found == ds.PixelData
    (value,) = client.retrieve_bulkdata(f"{client.base_url}/{path_of(ds)}/bulkdata/7FE00010")
    assert value == ds.PixelData
    for picture in (
        client.retrieve_instance_rendered(*uids, media_types=("image/png",)),
        client.retrieve_instance_frames_rendered(*uids, frame_numbers=[1], media_types=("image/png",)),
        client.retrieve_series_rendered(*uids[:2], media_types=("image/png",)),
    ):
        assert Image.open(BytesIO(picture)).size == (ds.Columns, ds.Rows)


def test_each_instance_is_served_alone_byte_for_byte(root: str, study: dict[str, bytes]) -> None:
    for part10 in study.values():
        address = f"{root}/{path_of(dcmread(BytesIO(part10)))}"
        response = httpx.get(address, headers={"Accept": "application/dicom"}, trust_env=False)
        assert response.content == part10
        assert response.headers["Content-Type"].startswith("application/dicom")


def test_a_client_that_says_nothing_gets_the_bytes_too(root: str, study: dict[str, bytes]) -> None:
    with httpx.Client(trust_env=False) as bare:
        del bare.headers["Accept"]
        response = bare.get(f"{root}/{path_of(any_of(study))}")
    assert response.headers["Content-Type"].startswith("multipart/related")
    assert next(iter(study.values())) in response.content


def test_answers_what_a_viewer_asks(root: str, study: dict[str, bytes]) -> None:
    ds = any_of(study)
    listing = "limit=101&offset=0&fuzzymatching=false&includefield=00081030,00080060,00080090,00100030"
    for filtering in (
        f"StudyInstanceUID={ds.StudyInstanceUID}",
        f"00100020={ds.PatientID}",
        f"PatientName=*interop*&AccessionNumber={ds.AccessionNumber}",
    ):
        (match,) = httpx.get(f"{root}/studies?{listing}&{filtering}", trust_env=False).json()
        assert match["0020000D"]["Value"] == [ds.StudyInstanceUID]
    series = f"{root}/studies/{ds.StudyInstanceUID}/series?includefield=00080021,00080031,0008103E,00200011"
    assert len(httpx.get(series, trust_env=False).json()) == 2
    metadata = f"{root}/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/metadata"
    assert len(httpx.get(metadata, trust_env=False).json()) == 2
    frame = httpx.get(
        f"{root}/{path_of(ds)}/frames/1",
        headers={"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"},
        trust_env=False,
    )
    assert b"\r\n\r\n" + ds.PixelData + b"\r\n--" in frame.content


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("studies?PatientID=nobody-has-this", 204),
        ("studies?Nonsense=1", 400),
        ("studies?StudyDate=yesterday", 400),
        ("studies/1.2.999.1", 404),
        ("studies/1.2.999.1/metadata", 404),
        ("studies/1.2.999.1/revisions", 404),
        ("studies/..%2F..%2Fetc", 404),
        ("studies/not-a-uid", 400),
        (f"studies/{'1' * 200}/metadata", 400),
    ],
)
def test_says_what_is_wrong_with_a_request(root: str, path: str, status: int) -> None:
    response = httpx.get(f"{root}/{path}", trust_env=False)
    assert response.status_code == status
    if status != 204:
        assert response.json()["error"].endswith(".")
