from http import HTTPStatus

import pytest

from imaging.dicomweb.status import failure_reason, http_status
from imaging.errors import RejectReason

OF_AN_INSTANCE = {
    RejectReason.NOT_DICOM,
    RejectReason.TRUNCATED,
    RejectReason.MISSING_IDENTIFIER,
    RejectReason.INVALID_IDENTIFIER,
    RejectReason.OTHER_STUDY,
    RejectReason.UNSUPPORTED_MEDIA_TYPE,
    RejectReason.SOP_CLASS_MISMATCH,
    RejectReason.OTHER_BYTES_STORED,
    RejectReason.TOO_LARGE,
}


@pytest.mark.parametrize("reason", RejectReason)
def test_every_reason_is_the_clients_fault_and_has_its_form(reason: RejectReason) -> None:
    assert HTTPStatus.BAD_REQUEST <= http_status(reason) < HTTPStatus.INTERNAL_SERVER_ERROR
    assert 0 < failure_reason(reason) <= 0xFFFF


def test_instances_are_refused_with_different_failure_reasons() -> None:
    assert len({failure_reason(reason) for reason in OF_AN_INSTANCE}) == len(OF_AN_INSTANCE)
    assert {failure_reason(reason) for reason in set(RejectReason) - OF_AN_INSTANCE} == {0x0110}
