"""DCMTK's and pynetdicom's clients against the running system's DIMSE endpoint."""

import shutil
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import httpx
import pydicom.data
import pytest
from pydicom import dcmread

# Each an instance of its own, with the option that makes storescu propose its transfer syntax.
SENT_AS_THEY_ARE = {
    "CT_small.dcm": "--propose-little",
    "MR_small_implicit.dcm": "--propose-implicit",
    "ExplVR_BigEnd.dcm": "--propose-big",
    "image_dfl.dcm": "--propose-deflated",
    "test-SR.dcm": "--propose-little",
    "SC_rgb_rle.dcm": "--propose-rle",
    "JPEG-lossy.dcm": "--propose-jpeg12",
}


def sample(name):
    return Path(pydicom.data.get_testdata_file(name, download=False))


def run(endpoints, program, *arguments, called="MAIN"):
    """Run a DCMTK client and return what it did."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed here; it comes with Debian's package dcmtk")
    address = [endpoints["dimse"]["host"], str(endpoints["dimse"]["port"])]
    command = [program, "-v", "-aec", called, *arguments[:-1], *address, *arguments[-1:]]
    return subprocess.run(
        [argument for argument in command if argument], capture_output=True, text=True, timeout=60, check=False
    )


def retrieved(endpoints, space, path):
    """The instance as WADO-RS gives it back, when it is indexed."""
    ds = dcmread(path, stop_before_pixels=True)
    url = (
        f"{endpoints['spaces'][space]['dicomweb']}/studies/{ds.StudyInstanceUID}"
        f"/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
    )
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    deadline = time.monotonic() + 30
    while (response := httpx.get(url, headers=accept)).status_code == 404 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert response.status_code == 200, response.text
    return dcmread(BytesIO(response.content))


def assert_same(found, path):
    """DCMTK encodes anew what it sends, without group lengths and trailing padding; the values are the same."""
    sent = dcmread(path)
    assert found.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
    for ds in (found, sent):
        for element in [each for each in ds if each.tag.element == 0 or each.keyword == "DataSetTrailingPadding"]:
            del ds[element.tag]
    assert found == sent


def test_echoscu(endpoints):
    assert run(endpoints, "echoscu", "").returncode == 0


def test_echoscu_to_nobody_is_told_why(endpoints):
    done = run(endpoints, "echoscu", "", called="NOBODY")
    assert done.returncode != 0
    assert "Called AE Title Not Recognized" in done.stdout + done.stderr


@pytest.mark.parametrize(("name", "proposing"), SENT_AS_THEY_ARE.items())
def test_storescu(endpoints, name, proposing):
    path = sample(name)
    done = run(endpoints, "storescu", "-R", proposing, str(path))
    assert done.returncode == 0, done.stderr
    assert_same(retrieved(endpoints, "main", path), path)


def test_storescu_with_a_folder(endpoints, tmp_path):
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(sample(name), tmp_path)
    done = run(endpoints, "storescu", "-R", "+sd", str(tmp_path), called="RESEARCH")
    assert done.returncode == 0, done.stderr
    for path in tmp_path.iterdir():
        assert_same(retrieved(endpoints, "research", path), path)


def test_dcmsend_with_a_compressed_image(endpoints):
    path = sample("JPEG2000.dcm")
    done = run(endpoints, "dcmsend", "--decompress-never", str(path), called="RESEARCH")
    assert done.returncode == 0, done.stderr
    assert_same(retrieved(endpoints, "research", path), path)


def test_storescu_is_told_what_is_wrong_with_an_instance(endpoints, tmp_path):
    ds = dcmread(sample("CT_small.dcm"))
    del ds.StudyInstanceUID
    ds.save_as(tmp_path / "broken.dcm")
    done = run(endpoints, "storescu", "-d", "-R", str(tmp_path / "broken.dcm"))
    assert done.returncode != 0
    assert "0xc002" in done.stdout + done.stderr
    assert "StudyInstanceUID is missing or empty" in done.stdout + done.stderr


def test_pynetdicoms_storescu(endpoints):
    path = sample("rtdose_1frame.dcm")
    dimse = endpoints["dimse"]
    address = [dimse["host"], str(dimse["port"])]
    command = [sys.executable, "-m", "pynetdicom", "storescu", *address, str(path), "-aec", "MAIN", "-v", "-cx"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Success" in done.stdout + done.stderr
    assert_same(retrieved(endpoints, "main", path), path)
