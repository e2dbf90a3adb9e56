import pytest

from imaging.fhir.ucum import is_ucum

IN_UCUM = "mGy mGy.cm Gy.m2 uGy.m2 dGy.cm2 mSv MBq mCi kBq/ml s min ml cm3 deg % 1 {events} mA.s /min mm2/s s-1 10*6"


@pytest.mark.parametrize("code", [*IN_UCUM.split(), "g/ml{SUVbw}"])
def test_a_unit_written_in_ucum_is_a_code(code):
    assert is_ucum(code)


@pytest.mark.parametrize(
    "code",
    ["mGy cm", "mGy*cm", "mGycm", "mGy-cm", "Gym2", "Gy.m²", "mGy.", ".cm", "mAs", "sec", "{two words}", "", "s\n"],
)
def test_any_other_unit_is_a_word(code):
    assert not is_ucum(code)
