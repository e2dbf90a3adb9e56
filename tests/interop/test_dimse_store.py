"""DCMTK's and pynetdicom's clients store into the running system, in the clear and over TLS."""

import shutil
from io import BytesIO

import pytest
from pydicom import dcmread

from imaging.model.identifiers import InstanceKey
from tests.flow.client import eventually
from tests.flow.dimse_nodes import ONLY_STORES
from tests.interop.dimse_tools import dcmtk, keys, pynetdicom, said, sample

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


@pytest.fixture(scope="module")
def dimse(endpoints):
    return endpoints["dimse"]


def comes_back(client, space, path):
    """Wait until WADO-RS gives back what was sent, which may be in place of an earlier one of that name.

    DCMTK encodes anew what it sends, without group lengths and trailing padding; the values are the same.
    """
    sent = plain(dcmread(path))
    key = InstanceKey(space, sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID)

    def is_the_same():
        found = client.instance_bytes(key)
        return found is not None and plain(dcmread(BytesIO(found))) == sent

    eventually(f"{path.name} comes back", is_the_same, 30)
    found = dcmread(BytesIO(client.instance_bytes(key)))
    assert found.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID


def plain(ds):
    for element in [each for each in ds if each.tag.element == 0 or each.keyword == "DataSetTrailingPadding"]:
        del ds[element.tag]
    return ds


def test_both_echo(dimse):
    assert dcmtk(dimse, "echoscu").returncode == 0
    assert "Success" in said(pynetdicom(dimse, "echoscu"))


def test_echo_to_nobody_is_told_why(dimse):
    done = dcmtk(dimse, "echoscu", called="NOBODY")
    assert done.returncode != 0
    assert "Called AE Title Not Recognized" in said(done)


@pytest.mark.parametrize(("name", "proposing"), SENT_AS_THEY_ARE.items())
def test_storescu(client, dimse, name, proposing):
    path = sample(name)
    done = dcmtk(dimse, "storescu", "-R", proposing, files=(str(path),))
    assert done.returncode == 0, done.stderr
    comes_back(client, "main", path)


def test_storescu_with_a_folder(client, dimse, tmp_path):
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(sample(name), tmp_path)
    done = dcmtk(dimse, "storescu", "-R", "+sd", files=(str(tmp_path),), called="RESEARCH")
    assert done.returncode == 0, done.stderr
    for path in tmp_path.iterdir():
        comes_back(client, "research", path)


def test_dcmsend_with_a_compressed_image(client, dimse):
    path = sample("JPEG2000.dcm")
    done = dcmtk(dimse, "dcmsend", "--decompress-never", files=(str(path),), called="RESEARCH")
    assert done.returncode == 0, done.stderr
    comes_back(client, "research", path)


def test_storescu_is_told_what_is_wrong_with_an_instance(dimse, tmp_path):
    ds = dcmread(sample("CT_small.dcm"))
    del ds.StudyInstanceUID
    ds.save_as(tmp_path / "broken.dcm")
    done = dcmtk(dimse, "storescu", "-d", "-R", files=(str(tmp_path / "broken.dcm"),))
    assert done.returncode != 0
    assert "0xc002" in said(done)
    assert "StudyInstanceUID is missing or empty" in said(done)


def test_pynetdicoms_storescu(client, dimse):
    path = sample("rtdose_1frame.dcm")
    done = pynetdicom(dimse, "storescu", str(path), "-cx")
    assert done.returncode == 0, done.stderr
    assert "Success" in said(done)
    comes_back(client, "main", path)


def test_a_caller_does_what_the_registry_lets_it_do_and_nothing_else(dimse):
    ours = ("-aet", ONLY_STORES)
    there = "RESEARCH"
    assert dcmtk(dimse, "storescu", "-R", *ours, files=(str(sample("MR_small.dcm")),), called=there).returncode == 0
    asked = dcmtk(dimse, "findscu", "-S", *ours, *keys(QueryRetrieveLevel="STUDY"), called=there)
    assert "No Acceptable Presentation Contexts" in said(asked)
    elsewhere = dcmtk(dimse, "storescu", "-R", *ours, files=(str(sample("MR_small.dcm")),), called="MAIN")
    assert "Calling AE Title Not Recognized" in said(elsewhere)


def test_over_tls_by_who_trusts_our_certificate(client, dimse, tmp_path):
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(client.system.dimse_certificate)
    path = sample("JPEG2000.dcm")
    trusting = ("+tla", "+cf", str(certificate))

    assert dcmtk(dimse, "echoscu", *trusting, tls=True).returncode == 0
    done = dcmtk(dimse, "storescu", "-R", "--propose-j2k-lossy", *trusting, files=(str(path),), tls=True)
    assert done.returncode == 0, done.stderr
    comes_back(client, "main", path)

    distrusting = dcmtk(dimse, "echoscu", "+tla", tls=True)
    assert distrusting.returncode != 0
    assert "certificate verify failed" in said(distrusting)
    assert dcmtk(dimse, "echoscu", tls=True).returncode != 0  # plain DIMSE to the port of TLS
    assert dcmtk(dimse, "echoscu").returncode == 0  # and nobody suffers from it
