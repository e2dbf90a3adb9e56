"""The statuses of a C-STORE response."""

import pytest

from imaging.dimse.status import MAX_ERROR_COMMENT_CHARACTERS, PROCESSING_FAILURE, STATUS_OF_REASON, response
from imaging.errors import RejectReason


def test_every_reason_has_a_status():
    assert set(STATUS_OF_REASON) == set(RejectReason)


def test_every_status_is_one_that_the_storage_service_knows():
    families = {0xA700, 0xA900, 0xC000}
    for status in set(STATUS_OF_REASON.values()) - {PROCESSING_FAILURE}:
        assert status & 0xFF00 in families, f"0x{status:04X}"


def test_no_status_stands_for_two_reasons_of_a_store():
    statuses = [status for status in STATUS_OF_REASON.values() if status != PROCESSING_FAILURE]
    assert len(statuses) == len(set(statuses))


@pytest.mark.parametrize("comment", ["x" * 200, "a word " * 30, "Größe \\ größer", "tab\tand\nline"])
def test_an_error_comment_is_a_long_string(comment):
    told = response(0xC000, comment).ErrorComment
    assert isinstance(told, str)
    assert 0 < len(told) <= MAX_ERROR_COMMENT_CHARACTERS
    assert told.isascii()
    assert told.isprintable()


def test_success_has_no_comment():
    assert "ErrorComment" not in response(0x0000)
