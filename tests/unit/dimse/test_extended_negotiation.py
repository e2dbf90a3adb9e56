"""What of the options of Query/Retrieve is promised."""

import pytest

from imaging.dimse.extended_negotiation import QueryOptions, answer_to_options, query_options
from imaging.dimse.sop_classes import (
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    STORAGE_COMMITMENT_PUSH_MODEL,
    STUDY_ROOT_FIND,
    STUDY_ROOT_MOVE,
    VERIFICATION,
)

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    ("sop_class_uid", "asked", "promised"),
    [
        (STUDY_ROOT_FIND, "01", "01"),
        (STUDY_ROOT_FIND, "00", "00"),
        (PATIENT_ROOT_FIND, "01 01 01", "01 01 01"),
        (PATIENT_ROOT_FIND, "00 01 00 01", "00 01 00 01"),
        (STUDY_ROOT_FIND, "01 01 01 01 01 01 01", "01 01 01 01 00 01 01"),  # no view of enhanced multi-frame
        (STUDY_ROOT_FIND, "01 01 01 01 01 01 01 01 01", "01 01 01 01 00 01 01"),
        (STUDY_ROOT_FIND, "02 FF", "00 00"),
        (STUDY_ROOT_FIND, "", ""),
        (STUDY_ROOT_MOVE, "01", "01"),
        (PATIENT_ROOT_GET, "01 01", "01 00"),
        (VERIFICATION, "01", ""),
        (STORAGE_COMMITMENT_PUSH_MODEL, "01", ""),
        (CT_IMAGE, "02 00 03 00 01 00", ""),
    ],
)
def test_what_was_asked_and_is_done_is_promised_byte_for_byte(sop_class_uid, asked, promised):
    assert answer_to_options(sop_class_uid, bytes.fromhex(asked)) == bytes.fromhex(promised)


def test_what_was_promised_is_read_as_options():
    assert query_options(STUDY_ROOT_FIND, b"") == QueryOptions()
    assert query_options(STUDY_ROOT_FIND, b"\1\0\1") == QueryOptions(relational=True, fuzzy=True)
    assert query_options(PATIENT_ROOT_FIND, b"\0\1\0\1\0\1\1") == QueryOptions(
        combined_date_time=True, timezone=True, empty_values=True, multiple_values=True
    )
    assert query_options(STUDY_ROOT_MOVE, b"\1\0") == QueryOptions(relational=True)
    assert query_options(CT_IMAGE, b"\1") == QueryOptions()
