"""Which abstract syntaxes are storage."""

import pytest
from pydicom.uid import UID
from pynetdicom import sop_class
from pynetdicom.presentation import AllStoragePresentationContexts, NonPatientObjectPresentationContexts

from imaging.dimse.sop_classes import SERVICE_OF_SOP_CLASS, is_storage

RETIRED = ["1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.77.1", "1.2.840.10008.5.1.1.27"]
FOR_SECURITY = ["1.2.840.10008.5.1.4.1.1.501.1", "1.2.840.10008.5.1.4.1.1.601.1"]


def storage():
    contexts = [*AllStoragePresentationContexts, *NonPatientObjectPresentationContexts]
    return sorted({str(context.abstract_syntax) for context in contexts})


@pytest.mark.parametrize("uid", [*RETIRED, *FOR_SECURITY, *storage()])
def test_every_storage_class_is_storage_whatever_becomes_of_unknown_ones(uid):
    assert is_storage(UID(uid), accepts_unknown=False)


def test_every_other_class_that_is_known_is_none():
    others = {
        str(known)
        for known in vars(sop_class).values()
        if isinstance(known, sop_class.SOPClass) and str(known) not in storage()
    }
    assert len(others) > 60
    assert not {uid for uid in others if is_storage(UID(uid))}
    assert others >= SERVICE_OF_SOP_CLASS.keys()


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.1", "1.2.840.10008.3.1.1.1", "1.2.840.10008.1.20.1.1"])
def test_what_is_no_class_at_all_is_none(uid):
    assert not is_storage(UID(uid))


@pytest.mark.parametrize("uid", ["1.3.46.670589.5.0.1", "2.25.17", "1.2.840.10008.5.1.4.1.1.9999", "no uid"])
@pytest.mark.parametrize("accepts_unknown", [True, False])
def test_a_class_that_the_standard_does_not_name_is_what_the_configuration_says(uid, accepts_unknown):
    assert is_storage(UID(uid, validation_mode=0), accepts_unknown=accepts_unknown) is accepts_unknown
