"""Which names may be one person's; what follows from it is seen in test_image_display_resource."""

import pytest

from imaging.reading.same_person import is_other_name


def named(*groups: str) -> dict[str, object]:
    kinds = ("Alphabetic", "Ideographic", "Phonetic")
    return {"00100010": {"vr": "PN", "Value": [dict(zip(kinds, groups, strict=False))]}}


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ("Doe^John^A", "Smith^Mary^A^Dr"),  # an initial
        ("Doe^J", "Smith^J"),
        ("Dr. Doe", "Smith^Mary^A^Dr"),  # a title
        ("Dr. Doe", "Dr. Smith^Mary"),
        ("Jones^Bob^^Dr", "Smith^Mary^^Dr"),
        ("Doe^John^^^III", "Smith^Mary^^^III"),
        ("van der Berg^Jan", "van Dam^Piet"),  # a particle
        ("Al-Hassan^Omar", "Al-Rashid^Zaid"),
        ("王^小明", "Wang^Ming=李^大明"),
        ("Meier^Anna", "Müller^Jörg=山田"),
    ],
)
def test_names_without_a_family_or_given_name_in_common_are_two_persons(stated, known):
    assert is_other_name(stated, named(*known.split("=")))


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ("Mueller^Joerg", "Müller^Jörg"),
        ("GROSS^Ole", "Groß^Øle"),
        ("Jørgensen", "Joergensen^Per"),
        ("ONEIL", "O'Neil^Pat"),
        ("O\N{RIGHT SINGLE QUOTATION MARK}Neil", "ONEIL^Tip"),
        ("Annemarie", "Schmidt^Anne-Marie"),
        ("Müller-Schmidt^Anna", "Schmidt^Eva"),
        ("Smith+Mary", "Smith^Jane"),
        ("Mary van Dam", "Dam^Piet"),
        ("Van^Tom", "Van^Thomas"),
        ("王", "Wang^Ming=王^小明"),
        ("Jan", "Jan"),
    ],
)
def test_names_with_one_in_common_however_it_is_spelled_may_be_one_persons(stated, known):
    assert not is_other_name(stated, named(*known.split("=")))


@pytest.mark.parametrize("stated", ["J", "Dr.", "Петров", "^", "van der"])
def test_what_cannot_be_compared_contradicts_nothing(stated):
    assert not is_other_name(stated, named("Smith^Mary"))
