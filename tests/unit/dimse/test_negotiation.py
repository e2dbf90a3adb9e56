"""What an association may bring, and who may open one."""

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE
from pynetdicom.sop_class import ModalityWorklistInformationFind, Verification

from tests.unit.dimse.files import association_for


def test_answers_an_echo(endpoint):
    with association_for([], endpoint.port) as association:
        assert association.send_c_echo().Status == 0x0000
    (record,) = endpoint.journal.wait_for(1)
    assert (record.calling_ae_title, record.space, record.end) == ("MODALITY", "main", "released")


@pytest.mark.parametrize("called", ["NOBODY", "main", "PYNETDICOM", "MAIN2"])
def test_an_unknown_called_ae_title_is_rejected_for_good(endpoint, called):
    with association_for([], endpoint.port, called=called) as association:
        assert association.is_rejected
        rejection = association.acceptor.primitive
    # permanent, service-user, called AE title not recognised: PS3.8 Table 9-21
    assert (rejection.result, rejection.result_source, rejection.diagnostic) == (1, 1, 7)
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, record.rejected_because) == ("rejected", "called AE title not recognised")


@pytest.mark.parametrize("calling", ["A", "SIXTEEN_CHARS_XX", "with space", "b/c+d"])
def test_any_caller_is_welcome(endpoint, calling):
    with association_for([], endpoint.port, calling=calling) as association:
        assert association.is_established


def test_the_transfer_syntax_proposed_first_is_taken(endpoint):
    ae = AE()
    ae.add_requested_context(CTImageStorage, [JPEG2000Lossless, ExplicitVRLittleEndian])
    association = ae.associate("127.0.0.1", endpoint.port, ae_title="MAIN")
    assert association.accepted_contexts[0].transfer_syntax == [JPEG2000Lossless]
    association.release()


def test_services_that_are_not_offered_are_not_accepted(endpoint):
    ae = AE()
    ae.add_requested_context(ModalityWorklistInformationFind)
    ae.add_requested_context(Verification)
    association = ae.associate("127.0.0.1", endpoint.port, ae_title="MAIN")
    assert [context.abstract_syntax for context in association.accepted_contexts] == [Verification]
    association.release()


def test_more_associations_than_allowed_are_rejected_for_now(make_endpoint):
    endpoint = make_endpoint(max_associations=1)
    with association_for([], endpoint.port) as first:
        assert first.is_established
        with association_for([], endpoint.port) as second:
            rejection = second.acceptor.primitive
            # transient, presentation, local limit exceeded: PS3.8 Table 9-21
            assert (rejection.result, rejection.result_source, rejection.diagnostic) == (2, 3, 2)
    endpoint.journal.wait_for(2)
    with association_for([], endpoint.port) as third:
        assert third.is_established
