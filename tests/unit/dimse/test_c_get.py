"""C-GET over real connections, from rows in DynamoDB and objects in memory."""

import time
from collections.abc import Callable, Iterator
from io import BytesIO
from uuid import uuid4

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    MRImageStorage,
    RLELossless,
)
from pynetdicom import evt

from imaging.aws.dynamodb_table import ManifestTable
from imaging.dimse import retrieve as module
from imaging.dimse.peers import Peer, Peers
from imaging.dimse.sop_classes import PATIENT_ROOT_GET
from tests.archive import Archive
from tests.manifest_table import create_manifest_table
from tests.unit.dimse.endpoint import Endpoint, JournalInMemory
from tests.unit.dimse.files import sample
from tests.unit.dimse.retrieving import Got, c_get, identifier, services_over, stored_data_sets

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
CT = CTImageStorage
BOTH = [(CT, EXPLICIT), (CT, IMPLICIT)]


@pytest.fixture(scope="module")
def archive(embedded_aws: object) -> Archive:
    """Study 1 with series 1.1, its instances numbered from behind, and 1.2; study 2 of the same patient; study 3."""
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    archive = Archive(ManifestTable(name), space="main")
    for number in range(1, 4):
        archive.store("1", "1.1", f"1.1.{number}", InstanceNumber=4 - number)
    archive.store("1", "1.2", "1.2.1")
    archive.store("2", "2.1", "2.1.1")
    archive.store("3", "3.1", "3.1.1", PatientID="PID-3")
    for study in ("1", "2", "3"):
        archive.finalize(study)
    return archive


@pytest.fixture(scope="module")
def journal() -> JournalInMemory:
    return JournalInMemory()


@pytest.fixture(scope="module")
def endpoint(archive: Archive, journal: JournalInMemory) -> Iterator[Endpoint]:
    endpoint = Endpoint(services_over(archive, journal))
    yield endpoint
    endpoint.stop()


@pytest.fixture
def get(endpoint: Endpoint) -> Callable[..., Got]:
    return lambda ds, **how: c_get(endpoint.port, ds, **how)


def test_a_study_comes_series_by_series_in_the_order_of_its_instance_numbers_byte_for_byte(archive, get, endpoint):
    got = get(identifier("STUDY", StudyInstanceUID="1"))
    assert got.uids == ["1.1.3", "1.1.2", "1.1.1", "1.2.1"]
    assert [content for _, _, content in got.instances] == stored_data_sets(archive, got.uids)
    assert (got.last.Status, got.counts, got.failed) == (0x0000, (4, 0, 0, None), [])
    record = endpoint.journal.wait_for(1)[-1]
    assert (record.sent, record.bytes_sent) == (4, sum(len(content) for _, _, content in got.instances))


@pytest.mark.parametrize(
    ("level", "keys", "root", "expected"),
    [
        ("STUDY", {"StudyInstanceUID": ["1", "2"]}, None, {"1.1.1", "1.1.2", "1.1.3", "1.2.1", "2.1.1"}),
        ("SERIES", {"StudyInstanceUID": "1", "SeriesInstanceUID": "1.2"}, None, {"1.2.1"}),
        ("SERIES", {"SeriesInstanceUID": ["1.2", "2.1"]}, None, {"1.2.1", "2.1.1"}),
        (
            "IMAGE",
            {"StudyInstanceUID": "1", "SeriesInstanceUID": "1.1", "SOPInstanceUID": ["1.1.1", "1.1.3", "2.1.1"]},
            None,
            {"1.1.1", "1.1.3"},
        ),
        ("IMAGE", {"SOPInstanceUID": ["1.1.1", "2.1.1", "9.9"]}, None, {"1.1.1", "2.1.1"}),
        ("IMAGE", {"StudyInstanceUID": "1", "SOPInstanceUID": ["1.1.1", "2.1.1"]}, None, {"1.1.1"}),
        ("PATIENT", {"PatientID": "PID-1"}, PATIENT_ROOT_GET, {"1.1.1", "1.1.2", "1.1.3", "1.2.1", "2.1.1"}),
        ("PATIENT", {"PatientID": "PID-*"}, PATIENT_ROOT_GET, set()),
        ("STUDY", {"PatientID": "PID-1", "StudyInstanceUID": ["2", "3"]}, PATIENT_ROOT_GET, {"2.1.1"}),
        ("SERIES", {"PatientID": "PID-3", "SeriesInstanceUID": ["2.1", "3.1"]}, PATIENT_ROOT_GET, {"3.1.1"}),
        ("STUDY", {"StudyInstanceUID": "9"}, None, set()),
    ],
)
def test_unique_keys_select_at_every_level_with_and_without_those_above(get, level, keys, root, expected):
    got = get(identifier(level, **keys), **({"root": root} if root else {}))
    assert set(got.uids) == expected
    assert (got.last.Status, got.counts) == (0x0000, (len(expected), 0, 0, None))


@pytest.mark.parametrize(
    ("asked", "offending"),
    [
        (identifier("PATIENT", PatientID="PID-1"), 0x00080052),  # not with Study as the root
        (identifier("", StudyInstanceUID="1"), 0x00080052),
        (identifier("STUDY"), 0x0020000D),
        (identifier("IMAGE", StudyInstanceUID="1", SeriesInstanceUID="1.1"), 0x00080018),
        (identifier("STUDY", StudyInstanceUID="*"), 0x0020000D),
    ],
)
def test_an_identifier_without_the_unique_key_of_its_level_does_not_match(get, asked, offending):
    last = get(asked).last
    assert last.Status == 0xA900
    assert last.OffendingElement == offending
    assert 0 < len(last.ErrorComment) <= 64


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_identifiers_are_read_and_written_in_the_transfer_syntax_of_their_context(get, syntax):
    got = get(identifier("STUDY", StudyInstanceUID="1"), kinds=[(MRImageStorage, EXPLICIT)], in_syntax=syntax)
    assert (got.last.Status, got.counts) == (0xA702, (0, 4, 0, None))
    assert got.failed == ["1.1.3", "1.1.2", "1.1.1", "1.2.1"]


def test_nothing_goes_into_contexts_whose_scp_the_requester_is_not(get, journal):
    got = get(identifier("STUDY", StudyInstanceUID="2"), takes_role=False)
    assert (got.instances, got.last.Status, got.failed) == ([], 0xA702, ["2.1.1"])
    assert journal.not_sent_for[-1] == (got.last.ErrorComment, ["2.1.1"])


def test_what_a_requester_takes_with_a_warning_or_not_at_all_is_counted_so(get):
    got = get(
        identifier("STUDY", StudyInstanceUID="1"),
        on_store=lambda _, count: (0x0000, 0xB000, 0xA700, 0x0000)[count - 1],
    )
    assert (got.last.Status, got.counts, got.failed) == (0xB000, (2, 1, 1, None), ["1.1.1"])


def test_only_warnings_are_no_failure(get):
    got = get(identifier("STUDY", StudyInstanceUID="2"), on_store=lambda *_: 0xB007)
    assert (got.last.Status, got.counts, got.failed) == (0xB000, (0, 0, 1, None), [])


def test_a_cancelled_retrieve_ends_behind_the_running_sub_operation(get):
    cancelled: list[float] = []

    def cancel(event: evt.Event, count: int) -> int:
        if count == 2:
            event.assoc.send_c_cancel(1, query_model="1.2.840.10008.5.1.4.1.2.2.3")
            cancelled.append(time.monotonic())
            time.sleep(0.1)  # it overtakes no response
        return 0

    got = get(identifier("STUDY", StudyInstanceUID="1"), on_store=cancel)
    assert time.monotonic() - cancelled[0] < 1
    assert (got.last.Status, got.counts) == (0xFE00, (2, 0, 0, 2))


def test_pending_responses_come_twice_a_second_and_not_for_each_instance(get):
    def slow(_event: evt.Event, _count: int) -> int:
        time.sleep(0.3)
        return 0

    got = get(identifier("STUDY", StudyInstanceUID="1"), on_store=slow)
    *pending, last = got.responses
    assert [one.Status for one in pending] == [0xFF00]
    assert pending[0].NumberOfRemainingSuboperations + pending[0].NumberOfCompletedSuboperations == 4
    assert last.Status == 0x0000


def test_an_instance_that_cannot_be_read_fails_alone(archive, get):
    archive.store("4", "4.1", "4.1.1")
    archive.store("4", "4.1", "4.1.2", InstanceNumber=2)
    key = archive.key("4", "4.1", "4.1.1").object_key
    archive.objects.remove_version("main", key, archive.objects.versions(key, "main")[-1].version_id)
    got = get(identifier("STUDY", StudyInstanceUID="4"))
    assert (got.uids, got.last.Status, got.failed) == (["4.1.2"], 0xB000, ["4.1.1"])


def test_more_than_a_retrieve_may_have_is_refused(get, monkeypatch):
    monkeypatch.setattr(module, "MAX_SUB_OPERATIONS", 3)
    last = get(identifier("STUDY", StudyInstanceUID="1")).last
    assert (last.Status, "3 instances" in last.ErrorComment) == (0xA701, True)


def test_a_requester_that_goes_away_takes_nobody_with_it(get):
    def abort(event: evt.Event, _count: int) -> int:
        event.assoc.abort()
        return 0

    get(identifier("STUDY", StudyInstanceUID="1"), on_store=abort, patience_seconds=0.5)
    assert get(identifier("STUDY", StudyInstanceUID="2")).uids == ["2.1.1"]


COMPRESSED = ("SC_rgb_rle.dcm", "JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm")
NATIVE = ("CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "image_dfl.dcm", "reportsi.dcm")


@pytest.mark.parametrize("name", [*COMPRESSED, *NATIVE])
@pytest.mark.parametrize("taken", [EXPLICIT, IMPLICIT, str(RLELossless)])
def test_what_the_requester_does_not_take_as_stored_is_transcoded(archive, get, name, taken):
    content = sample(name).read_bytes()
    key = archive.send_file(content)
    original = dcmread(BytesIO(content))
    got = get(
        identifier("IMAGE", SOPInstanceUID=key.sop_instance_uid),
        kinds=[(original.file_meta.MediaStorageSOPClassUID, taken)],
    )
    if taken == RLELossless and "PixelData" not in original:
        assert got.failed == [key.sop_instance_uid]
        return
    ((uid, syntax, data_set),) = got.instances
    assert (uid, syntax, got.last.Status) == (key.sop_instance_uid, taken, 0x0000)
    if taken == original.file_meta.TransferSyntaxUID:
        assert [data_set] == stored_data_sets(archive, [uid])
    made = read_dataset(BytesIO(data_set), taken == IMPLICIT, True)
    made.file_meta = original.file_meta.__class__()
    made.file_meta.TransferSyntaxUID = taken
    assert made.PatientID == original.PatientID
    if "PixelData" in original:
        assert np.array_equal(made.pixel_array, _pixels(original))


def _pixels(original: Dataset) -> np.ndarray:
    if original.file_meta.TransferSyntaxUID.is_compressed:
        original.decompress(as_rgb=True, generate_instance_uid=False)
    return original.pixel_array


def test_a_context_with_several_transfer_syntaxes_gets_one_that_can_be_made(get):
    syntaxes = (str(JPEGLosslessSV1), str(JPEG2000Lossless), EXPLICIT, IMPLICIT)
    got = get(identifier("STUDY", StudyInstanceUID="2"), kinds=[(CT, syntaxes)])
    assert (got.last.Status, got.counts) == (0x0000, (1, 0, 0, None))


def test_of_two_patients_with_one_id_the_issuer_tells(archive, get):
    for study, issuer in (("81", "CLINIC A"), ("82", "CLINIC B"), ("83", "")):
        archive.store(study, f"{study}.1", f"{study}.1.1", PatientID="SHARED", IssuerOfPatientID=issuer)
        archive.finalize(study)
    keys = {"PatientID": "SHARED", "IssuerOfPatientID": "CLINIC B"}
    for level, further, expected in (
        ("PATIENT", {}, ["82.1.1"]),
        ("STUDY", {"StudyInstanceUID": ["81", "82"]}, ["82.1.1"]),
        ("IMAGE", {"SOPInstanceUID": ["81.1.1", "82.1.1", "83.1.1"]}, ["82.1.1"]),
        ("PATIENT", {"IssuerOfPatientID": ""}, ["81.1.1", "82.1.1", "83.1.1"]),
    ):
        assert get(identifier(level, **(keys | further)), root=PATIENT_ROOT_GET).uids == expected


def test_as_stored_is_preferred_to_what_would_have_to_be_made(archive, get):
    key = archive.send_file(sample("SC_rgb_rle.dcm").read_bytes())
    kinds = [("1.2.840.10008.5.1.4.1.1.7", syntax) for syntax in (IMPLICIT, EXPLICIT, str(RLELossless))]
    ((_, syntax, content),) = get(identifier("IMAGE", SOPInstanceUID=key.sop_instance_uid), kinds=kinds).instances
    assert (syntax, [content]) == (str(RLELossless), stored_data_sets(archive, [key.sop_instance_uid]))


def test_a_requester_gets_what_its_entry_in_the_registry_likes_better(archive, journal):
    key = archive.send_file(sample("MR_small_jp2klossless.dcm").read_bytes())
    sop_class_uid = dcmread(sample("MR_small_jp2klossless.dcm")).SOPClassUID
    peers = Peers((Peer("WORKSTATION", transfer_syntax_uids=(IMPLICIT,)),))
    endpoint = Endpoint(services_over(archive, journal), peers=peers)
    try:
        got = c_get(
            endpoint.port,
            identifier("IMAGE", SOPInstanceUID=key.sop_instance_uid),
            kinds=[(sop_class_uid, str(JPEG2000Lossless)), (sop_class_uid, IMPLICIT)],
        )
    finally:
        endpoint.stop()
    assert [syntax for _, syntax, _ in got.instances] == [IMPLICIT]
