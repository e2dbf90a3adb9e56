"""Requests for storage commitment and their results, as they are encoded."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from imaging.dimse.storage_commitment_messages import event_information, event_type_id, read_action_information
from imaging.errors import Rejected
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
