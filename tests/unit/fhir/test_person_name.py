import pytest

from imaging.fhir.person_name import display_name, human_name
from tests.unit.fhir.samples import attributes

TAG = "00100010"


def name_of(value):
    return human_name(attributes(PatientName=value), TAG)


def test_the_five_components_have_their_places():
    # PS3.5 6.2.1.1, the first example
    assert name_of("Adams^John Robert Quincy^^Rev.^B.A. M.Div.") == {
        "use": "usual",
        "family": "Adams",
        "given": ["John", "Robert", "Quincy"],
        "prefix": ["Rev."],
        "suffix": ["B.A.", "M.Div."],
    }


def test_a_middle_name_is_a_further_given_name():
    assert name_of("Doe^Jane^Maria") == {"use": "usual", "family": "Doe", "given": ["Jane", "Maria"]}


def test_a_name_of_several_words_stays_one_family_name():
    assert name_of("van der Berg") == {"use": "usual", "family": "van der Berg"}


def test_a_japanese_name_is_used_in_its_alphabetic_representation():
    name = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    assert name_of(name) == {"use": "usual", "family": "Yamada", "given": ["Tarou"]}


def test_a_name_without_an_alphabetic_representation_is_used_in_the_next():
    assert name_of({"Ideographic": "山田^太郎"}) == {"use": "usual", "family": "山田", "given": ["太郎"]}


@pytest.mark.parametrize("value", ["", "^^^^", "\x00^ ^\x1b", {}, {"Alphabetic": ""}])
def test_an_empty_name_is_no_name(value):
    assert name_of(value) is None


def test_a_hostile_name_loses_its_control_characters_and_what_follows_the_fifth_component():
    assert name_of("Do\x00e^Ja\x1bne^^^^more^and more") == {"use": "usual", "family": "Doe", "given": ["Jane"]}


def test_a_name_to_show_is_in_the_order_of_speech():
    assert display_name(attributes(PatientName="Smith^Jane^M^Dr.^FRCR"), TAG) == "Dr. Jane M Smith FRCR"


def test_nothing_to_show_is_nothing():
    assert display_name(attributes(PatientName=""), TAG) is None
    assert display_name({}, TAG) is None
    assert display_name({TAG: {"vr": "PN", "Value": [None]}}, TAG) is None
