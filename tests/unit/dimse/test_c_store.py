"""C-STORE, by a real SCU over a real socket."""

import errno
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.uid import (
    HTJ2K,
    MPEG4HP41,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)
from pynetdicom.presentation import NonPatientObjectPresentationContexts, StoragePresentationContexts

from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.part10 import file_meta_information
from imaging.dimse import spool
from imaging.errors import Unavailable
from tests.unit.dimse.files import association_for, data_set_of, instance_bytes, sample, send
from tests.unit.dimse.pdus import associate, p_data, read_pdu, store_request

SAMPLES = [
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "JPEG2000.dcm",
    "JPEG-lossy.dcm",
    "image_dfl.dcm",
    "test-SR.dcm",
]
PRIVATE = "1.3.46.670589.11.0.0.12.1"


@pytest.mark.parametrize("name", SAMPLES)
def test_keeps_the_bytes_of_the_data_set_and_names_their_transfer_syntax(endpoint, name):
    path = sample(name)
    assert send(path, endpoint.port).Status == 0x0000
    ((space, _), body) = next(iter(endpoint.stored.items()))
    assert space == "main"
    assert data_set_of(body) == data_set_of(path.read_bytes())
    sent, kept = (dcmread(file, stop_before_pixels=True) for file in (path, BytesIO(body)))
    assert kept.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
    assert kept.file_meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID


def test_the_samples_cover_big_endian_deflated_and_implicit():
    found = {dcmread(sample(name), stop_before_pixels=True).file_meta.TransferSyntaxUID for name in SAMPLES}
    assert {ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian} <= found


@pytest.mark.filterwarnings("ignore:Expected implicit VR")  # pydicom on the sending side
def test_refuses_what_is_not_encoded_as_its_context_says(endpoint, tmp_path):
    content = sample("CT_small.dcm").read_bytes()  # in Explicit VR
    mislabelled = tmp_path / "mislabelled.dcm"
    header = read_header(BytesSource(content))
    names = header.sop_class_uid, header.sop_instance_uid, str(ImplicitVRLittleEndian)
    mislabelled.write_bytes(file_meta_information(*names) + data_set_of(content))

    answer = send(mislabelled, endpoint.port)

    assert answer.Status == 0xC000
    assert answer.ErrorComment == "The data set is not encoded in the transfer syntax of its..."
    assert endpoint.stored == {}


@pytest.mark.parametrize("transfer_syntax_uid", [HTJ2K, MPEG4HP41, "1.2.840.113619.5.2", "1.2.840.10008.1.2.4.999"])
def test_takes_transfer_syntaxes_it_cannot_decode(endpoint, make_file, transfer_syntax_uid):
    path = make_file(transfer_syntax_uid=transfer_syntax_uid)
    assert send(path, endpoint.port).Status == 0x0000
    (body,) = endpoint.stored.values()
    assert body == path.read_bytes()


@pytest.mark.parametrize("sop_class_uid", [PRIVATE, "2.25.1234", "1.2.840.10008.5.1.4.1.1.999"])
def test_takes_private_and_unknown_sop_classes(endpoint, make_file, sop_class_uid):
    assert send(make_file(SOPClassUID=sop_class_uid), endpoint.port).Status == 0x0000
    assert len(endpoint.stored) == 1


def test_takes_every_storage_sop_class_there_is(endpoint, make_file):
    classes = {
        str(context.abstract_syntax)
        for context in [*StoragePresentationContexts, *NonPatientObjectPresentationContexts]
    }
    paths = [make_file(SOPClassUID=sop_class_uid) for sop_class_uid in sorted(classes)]
    for first in range(0, len(paths), 128):  # as many contexts as an association can have
        some = paths[first : first + 128]
        with association_for(some, endpoint.port) as association:
            assert [association.send_c_store(path).Status for path in some] == [0x0000] * len(some)
    assert len(endpoint.stored) == len(classes) > 128


def test_the_called_ae_title_chooses_the_space(endpoint, make_file):
    path = make_file()
    assert send(path, endpoint.port, called="RESEARCH", calling="ANYONE").Status == 0x0000
    (object_key,) = endpoint.archive.keys("research")
    assert endpoint.archive.keys("main") == []
    metadata = endpoint.archive.head("research", object_key).metadata
    assert metadata["calling-ae-title"] == "ANYONE"
    assert metadata["door"] == "c-store"


def test_the_same_instance_again_is_a_success_and_no_change(endpoint, make_file):
    path = make_file()
    assert [send(path, endpoint.port).Status for _ in range(2)] == [0x0000, 0x0000]
    (object_key,) = endpoint.archive.keys()
    assert [version.body for version in endpoint.archive.versions(object_key)] == [path.read_bytes()]


def test_success_is_told_only_after_the_store_has_it(endpoint, make_file):
    endpoint.archive.failure = Unavailable("S3 does not answer.")
    answer = send(make_file(), endpoint.port)
    assert answer.Status == 0xA700
    assert answer.ErrorComment == "The archive cannot store now; send it again later."


def test_a_fault_of_ours_is_a_processing_failure_and_ends_nothing(endpoint, make_file):
    endpoint.archive.failure = ZeroDivisionError("SECRET-4711")
    paths = [make_file(), make_file()]
    with association_for(paths, endpoint.port) as association:
        answer = association.send_c_store(paths[0])
        assert (answer.Status, "SECRET" in answer.ErrorComment) == (0x0110, False)
        endpoint.archive.failure = None
        assert association.send_c_store(paths[1]).Status == 0x0000
    assert [refusal.cause for refusal in endpoint.journal.refusals] == ["ZeroDivisionError"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"StudyInstanceUID": None}, 0xC002),
        ({"SeriesInstanceUID": ""}, 0xC002),
        ({"SOPInstanceUID": None, "named_instance_uid": "1.2.3"}, 0xC002),
        ({"StudyInstanceUID": "../../etc/passwd"}, 0xC003),
        ({"SeriesInstanceUID": "1" * 200}, 0xC003),
        ({"SOPInstanceUID": "1." * 100 + "1"}, 0xC003),
        ({"named_instance_uid": "1.2.3"}, 0xA900),
        ({"named_class_uid": MRImageStorage}, 0xA900),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_a_broken_instance_is_refused_and_the_association_goes_on(endpoint, make_file, wrong, status):
    broken, whole = make_file(**wrong), make_file(SOPClassUID=wrong.get("named_class_uid", CTImageStorage))
    with association_for([broken, whole], endpoint.port) as association:
        answer = association.send_c_store(broken)
        assert f"0x{answer.Status:04X}" == f"0x{status:04X}"
        assert 0 < len(answer.ErrorComment) <= 64
        assert association.send_c_store(whole).Status == 0x0000
    assert list(endpoint.stored.values()) == [whole.read_bytes()]
    (record,) = endpoint.journal.wait_for(1)
    assert (record.stored, record.refused) == (1, 1)


def test_a_refusal_is_noted_by_its_uids_alone(endpoint, make_file):
    uid = generate_uid()
    send(make_file(SOPInstanceUID=uid, StudyInstanceUID=None), endpoint.port)
    (refusal,) = endpoint.journal.refusals
    assert refusal.sop_instance_uid == uid
    assert refusal.cause == "missing identifier"
    assert "SECRET" not in repr(endpoint.journal.refusals)


def test_what_is_no_uid_does_not_come_into_the_log(endpoint):
    with associate(endpoint.port) as connection:
        connection.sendall(b"".join(store_request(b"", sop_instance_uid="DOE^JOHN 4711" + 2000 * "A")))
        connection.sendall(p_data(2, b""))
        assert read_pdu(connection)
    (refusal,) = endpoint.journal.refusals
    assert (refusal.sop_class_uid, refusal.sop_instance_uid) == (CTImageStorage, "")


def test_a_data_set_beyond_the_limit_is_refused_without_being_kept(make_endpoint, make_file):
    endpoint = make_endpoint(max_object_bytes=500_000)
    large, small = make_file(PixelData=bytes(2_000_000)), make_file()
    with association_for([large, small], endpoint.port) as association:
        answer = association.send_c_store(large)
        assert answer.Status == 0xA701
        assert answer.ErrorComment == "The archive takes data sets of up to 500000 bytes."
        assert association.send_c_store(small).Status == 0x0000
    assert list(endpoint.stored.values()) == [small.read_bytes()]


def test_a_data_set_that_the_disk_has_no_room_for_is_to_come_again(endpoint, make_file, monkeypatch):
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    large, small = make_file(PixelData=bytes(2_000_000)), make_file()
    with association_for([large, small], endpoint.port) as association:
        with monkeypatch.context() as patched:
            patched.setattr(spool, "TemporaryFile", full)
            assert association.send_c_store(large).Status == 0xA700
        assert association.send_c_store(small).Status == 0x0000
        assert association.send_c_store(large).Status == 0x0000
    assert sorted(endpoint.stored.values()) == sorted([large.read_bytes(), small.read_bytes()])


@pytest.mark.parametrize(
    ("data_set", "status"),
    [
        (b"", b"\x02\xc0"),  # a whole data set without any element
        (b"GIF89a and so on and so forth", b"\x01\xc0"),
        (instance_bytes()[:70], b"\x01\xc0"),
        (instance_bytes(Rows=1, Columns=1, PixelData=bytes(5000))[:-3000], b"\x01\xc0"),
    ],
)
def test_what_is_no_data_set_or_half_of_one_is_refused(endpoint, data_set, status):
    with associate(endpoint.port) as connection:
        *pdus, last = store_request(data_set)
        connection.sendall(b"".join([*pdus, last] if data_set else [last, p_data(2, b"")]))
        answer = read_pdu(connection)
    assert b"\0\0\0\x09\2\0\0\0" + status in answer  # Status (0000,0900)
    assert endpoint.stored == {}
