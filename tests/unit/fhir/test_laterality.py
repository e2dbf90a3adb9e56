import pytest

from imaging.fhir.findings import Findings
from imaging.fhir.laterality import laterality
from tests.unit.fhir.samples import instance, series

LEFT, RIGHT, BOTH = "7771000", "24028007", "51440002"


def side(*images, **of_series):
    findings = Findings()
    instances = [instance(f"1.2.3.1.{number}", ImageLaterality=image) for number, image in enumerate(images)]
    found = laterality(series("1.2.3.1", *instances, **of_series), findings)
    return found and found["code"], findings.keywords


@pytest.mark.parametrize(
    ("images", "code"),
    [("L", LEFT), ("RR", RIGHT), ("RL", BOTH), ("B", BOTH), ("LB", BOTH), ("U", None), ("UL", LEFT), ("", None)],
)
def test_the_images_of_a_series_have_a_side_together(images, code):
    assert side(*images) == (code, ())


def test_the_side_of_the_series_comes_before_that_of_its_images():
    assert side("L", "R", Laterality="L") == (LEFT, ())


def test_an_unknown_side_is_noted():
    assert side(Laterality="X") == (None, ("Laterality",))
    assert side("left") == (None, ("ImageLaterality",))
