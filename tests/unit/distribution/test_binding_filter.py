import pytest

from imaging.distribution.binding_filter import Facts, fits, fits_space
from imaging.model.binding import BindingFilter
from tests.unit.fhir.samples import CT_IMAGE_STORAGE, attributes

FACTS = Facts(
    CT_IMAGE_STORAGE,
    "CT_ROOM1",
    {
        **attributes(Modality="CT", InstitutionName="GENERAL [EAST]", SeriesNumber=3, PatientName="Doe^Jane"),
        "00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY", "AXIAL"]},
        "00081032": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["X"]}}]},
        "00081030": {"vr": "LO"},
    },
)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"modality": "CT"},
        {"modality": "?T", "calling_ae_title": "CT_*", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.*"},
        {"attributes": {"00080080": "GENERAL*"}},
        {"attributes": {"00080080": "GENERAL [EAST]"}},
        {"attributes": {"00080008": "PRIMARY"}},
        {"attributes": {"00200011": "3"}},
        {"attributes": {"00100010": "Doe*"}},
        {"attributes": {"00081030": "*"}},
        {"attributes": {"00080090": "*"}},
    ],
)
def test_what_fits(wanted):
    assert fits(BindingFilter(**wanted), FACTS)


@pytest.mark.parametrize(
    "wanted",
    [
        {"modality": "MR"},
        {"modality": "ct"},
        {"modality": "CT", "calling_ae_title": "MR*"},
        {"sop_class_uid": "1.2"},
        {"attributes": {"00080080": "GENERAL [EAS]T"}},
        {"attributes": {"00080008": "ORIGINAL?PRIMARY?AXIAL"}},
        {"attributes": {"00081030": "?*"}},
        {"attributes": {"00081032": "X"}},
        {"attributes": {"00080080": "GENERAL*", "00080008": "DERIVED"}},
    ],
)
def test_what_does_not_fit(wanted):
    assert not fits(BindingFilter(**wanted), FACTS)


def test_a_space_may_have_wildcards_too():
    assert fits_space(BindingFilter(space="res*"), "research")
    assert not fits_space(BindingFilter(space="res*"), "main")
    assert fits_space(BindingFilter(), "main")
