"""Requests for storage commitment and their results, as they are encoded."""

import tracemalloc
import zlib
from io import BytesIO
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)
from pynetdicom.dsutils import decode, encode

from imaging.dimse.storage_commitment_messages import event_information, event_type_id
from imaging.dimse.storage_commitment_request import read_action_information
from imaging.errors import Rejected, RejectReason
from imaging.model.commitment import Commitment, CommitmentKey, SopReference, Verdict
from tests.fakes import START
from tests.unit.dimse.requesters import action_information

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
FIRST, SECOND = SopReference(CTImageStorage, "1.2.3"), SopReference(MRImageStorage, "1.2.30")


def encoded(references: list[SopReference], syntax: UID) -> bytes:
    ds = action_information(references, "2.25.1")
    return encode(ds, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_request_is_read_and_its_result_made_in_every_transfer_syntax_of_messages(syntax):
    assert read_action_information(encoded([FIRST, SECOND, FIRST], syntax), syntax) == ("2.25.1", (FIRST, SECOND))
    commitment = Commitment(CommitmentKey("main", "CT", "2.25.1"), "MAIN", (FIRST, SECOND), START)
    verdicts = {FIRST: Verdict.COMMITTED, SECOND: Verdict.OTHER_CLASS}
    information = event_information(commitment, verdicts, syntax)
    ds = decode(BytesIO(information), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    assert (ds.TransactionUID, ds.RetrieveAETitle) == ("2.25.1", "MAIN")
    (committed,), (failed,) = ds.ReferencedSOPSequence, ds.FailedSOPSequence
    assert (committed.ReferencedSOPClassUID, committed.ReferencedSOPInstanceUID) == FIRST
    assert (failed.ReferencedSOPClassUID, failed.ReferencedSOPInstanceUID, failed.FailureReason) == (*SECOND, 0x0119)


def test_a_sequence_that_would_be_empty_is_left_out_and_the_type_says_whether_all_is_well():
    commitment = Commitment(CommitmentKey("main", "CT", "2.25.1"), "MAIN", (FIRST,), START)
    for verdict, event_type, missing in (
        (Verdict.COMMITTED, 1, "FailedSOPSequence"),
        (Verdict.MISSING, 2, "ReferencedSOPSequence"),
    ):
        ds = decode(BytesIO(event_information(commitment, {FIRST: verdict}, ImplicitVRLittleEndian)), True, True)
        assert event_type_id({FIRST: verdict}) == event_type
        assert missing not in ds


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_request_is_read_however_its_sequences_tell_their_ends_and_whatever_else_it_says(syntax):
    ds = action_information([FIRST, SECOND], "2.25.1")
    inner = Dataset()
    inner.add_new(0x00091001, "UN", b"12")
    inner.ReferencedSOPInstanceUID = "9.9.9"  # of something else
    ds.add_new(0x00080096, "SQ", [inner, inner])
    ds.add_new(0x00081250, "SQ", [inner])
    ds.ReferencedSOPSequence[0].add_new(0x00081199, "SQ", [inner])
    ds.ReferencedSOPSequence[0].StorageMediaFileSetID = "DISK"
    sequences = [ds.ReferencedSOPSequence, ds[0x00080096].value, ds[0x00081250].value]
    for is_undefined in (False, True):
        for sequence in sequences:
            sequence.is_undefined_length = is_undefined
            for item in sequence:
                item.is_undefined_length_sequence_item = is_undefined
        for element in (ds["ReferencedSOPSequence"], ds[0x00080096], ds[0x00081250]):
            element.is_undefined_length = is_undefined
        bytes_ = encode(ds, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
        assert read_action_information(bytes_, syntax) == ("2.25.1", (FIRST, SECOND))


def test_a_request_names_65535_instances_at_most_and_costs_little_memory_whatever_it_becomes():
    uids = b"".join(
        bytes.fromhex(tag) + b"UI\6\0" + uid for tag, uid in (("08005011", b"1.2.3\0"), ("08005511", b"1.2.4\0"))
    )
    item = bytes.fromhex("feff00e0") + pack("<L", len(uids)) + uids

    def request(count: int) -> bytes:
        transaction = bytes.fromhex("08009511") + b"UI\6\0" + b"2.25.1"
        return transaction + bytes.fromhex("08009911") + b"SQ\0\0" + pack("<L", count * len(item)) + item * count

    def deflated(count: int) -> bytes:
        deflater = zlib.compressobj(9, wbits=-15)
        return deflater.compress(request(count)) + deflater.flush()

    assert read_action_information(deflated(65_535), DeflatedExplicitVRLittleEndian)[1] == (
        SopReference("1.2.3", "1.2.4"),
    )
    bomb = deflated(1_000_000)
    tracemalloc.start()
    try:
        for content, syntax in (
            (bomb, DeflatedExplicitVRLittleEndian),
            (request(65_536), ExplicitVRLittleEndian),
        ):
            with pytest.raises(Rejected) as rejected:
                read_action_information(content, syntax)
            assert rejected.value.reason is RejectReason.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=64), st.integers(0, 200), st.integers(0, 200), st.sampled_from(SYNTAXES))
def test_whatever_comes_in_place_of_a_request_is_read_or_refused(noise, first, last, syntax):
    whole = encoded([FIRST, SECOND], ImplicitVRLittleEndian)
    for bytes_ in (noise, whole[:first] + noise + whole[last:]):
        try:
            transaction_uid, references = read_action_information(bytes_, syntax)
        except Rejected:
            continue
        assert transaction_uid
        assert references
