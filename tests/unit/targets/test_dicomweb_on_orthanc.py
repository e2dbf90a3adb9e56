"""STOW-RS to Orthanc's DICOMweb plugin."""

import json
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pydicom.data
import pytest
import requests

from imaging.errors import RejectReason, Unavailable
from imaging.targets.dicomweb import DicomWebTarget, studies_address
from imaging.targets.http_endpoint import HttpEndpoint
from infra.local.ports import any_free_port
from infra.local.settings import HOST
from tests.fakes import InMemoryObjects
from tests.instances import data_set_of
from tests.unit.reading.stored_files import stored
from tests.unit.targets.files import bytes_of, instance, stream_of

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
NAMES = ["CT_small.dcm", "MR_small_implicit.dcm", "JPEG2000.dcm", "image_dfl.dcm", "test-SR.dcm"]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    program = shutil.which("Orthanc")
    if not program or not PLUGIN.exists():
        pytest.skip("Orthanc is not installed here; it comes with Debian's packages orthanc and orthanc-dicomweb")
    folder, port = tmp_path_factory.mktemp("orthanc"), any_free_port()
    configuration = {
        "HttpPort": port,
        "DicomServerEnabled": False,
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with subprocess.Popen(
        [program, str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        base = f"http://{HOST}:{port}"
        try:
            yield _when_up(base)
        finally:
            process.kill()  # it has nothing to keep


def _when_up(base):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{base}/system", timeout=5).ok:
                return base
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError("Orthanc did not start.")


@pytest.fixture
def target(orthanc):
    objects = InMemoryObjects()
    endpoint = HttpEndpoint(studies_address(f"{orthanc}/dicom-web"), "dicomweb")
    yield objects, DicomWebTarget(endpoint, stream_of(objects))
    endpoint.close()


def test_it_holds_the_same_bytes_afterwards_and_takes_them_twice(target, orthanc):
    objects, dicomweb = target
    ones = [stored(objects, Path(pydicom.data.get_testdata_file(name, download=False)).read_bytes()) for name in NAMES]
    for _ in range(2):
        assert [sent.refusal for sent in dicomweb.send(ones)] == [None] * len(ones)
    for one in ones:
        found = requests.post(f"{orthanc}/tools/lookup", data=one.key.sop_instance_uid, timeout=10).json()
        file = requests.get(f"{orthanc}/instances/{found[0]['ID']}/file", timeout=10).content
        assert data_set_of(file) == data_set_of(bytes_of(objects, one))


def test_what_it_cannot_read_is_refused_and_the_others_of_the_batch_are_in(target):
    objects, dicomweb = target
    good = instance(objects, PatientID="ORTHANC-1")
    broken = instance(objects)
    version_id = objects.put("main", broken.key.object_key, b"not DICOM")
    broken = replace(broken, version_id=version_id, size_bytes=len(b"not DICOM"))
    outcomes = {sent.instance.key: sent.refusal for sent in dicomweb.send([broken, good])}
    assert outcomes[good.key] is None
    assert outcomes[broken.key].reason is RejectReason.MALFORMED_REQUEST


def test_an_address_without_a_dicomweb_server_is_a_setting_to_mend(orthanc):
    objects = InMemoryObjects()
    endpoint = HttpEndpoint(studies_address(f"{orthanc}/nothing"), "dicomweb")
    with pytest.raises(Unavailable, match="mend the binding's dicomweb"):
        list(DicomWebTarget(endpoint, stream_of(objects)).send([instance(objects)]))
    endpoint.close()
