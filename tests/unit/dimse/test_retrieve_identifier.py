"""Failed SOP Instance UID List (0008,0058) in every transfer syntax a context of Query/Retrieve can have."""

import zlib
from io import BytesIO

import pytest
from pydicom.filereader import read_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.dimse.retrieve_identifier import failed_list


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
@pytest.mark.parametrize("uids", [["1.2.3"], ["1.2", "1.23", "1.234"]])
def test_is_written_in_it(syntax, uids):
    encoded = failed_list(uids, syntax)
    assert len(encoded) % 2 == 0
    if syntax == DeflatedExplicitVRLittleEndian:
        encoded = zlib.decompress(encoded, -zlib.MAX_WBITS)
    ds = read_dataset(BytesIO(encoded), syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian)
    assert len(uids) == ds["FailedSOPInstanceUIDList"].VM
    assert list(ds[0x00080058]) == uids if len(uids) > 1 else ds[0x00080058].value == uids[0]


def test_holds_as_many_as_the_element_has_room_for_and_with_implicit_vr_that_is_all():
    uids = [f"1.2.{number:060}" for number in range(2000)]
    ds = read_dataset(BytesIO(failed_list(uids, ExplicitVRLittleEndian)), False, True)
    assert ds["FailedSOPInstanceUIDList"].VR == "UI"
    found = list(ds.FailedSOPInstanceUIDList)
    assert found == uids[: len(found)]
    assert len(found) == 0xFFFE // 65
    ds = read_dataset(BytesIO(failed_list(uids, ImplicitVRLittleEndian)), True, True)
    assert list(ds.FailedSOPInstanceUIDList) == uids


def test_is_not_there_where_nothing_failed():
    assert failed_list([], ImplicitVRLittleEndian) == b""
