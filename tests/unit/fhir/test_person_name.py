import pytest

from imaging.fhir.findings import Findings
from imaging.fhir.person_name import REPRESENTATION, display_name, human_names, representation_of
from tests.unit.fhir.samples import attributes

TAG = "00100010"


def names_of(value, findings=None):
    return human_names(attributes(PatientName=value), TAG, findings or Findings())


def name_of(value):
    (name,) = names_of(value)
    return name


def written_as(representation):
    return [{"url": REPRESENTATION, "valueCode": representation}]


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


def test_a_japanese_name_is_given_in_all_its_representations():
    # PS3.5 Annex H.3.1
    assert names_of({"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}) == [
        {"use": "usual", "family": "Yamada", "given": ["Tarou"]},
        {"extension": written_as("IDE"), "use": "usual", "family": "山田", "given": ["太郎"]},
        {"extension": written_as("SYL"), "use": "usual", "family": "やまだ", "given": ["たろう"]},
    ]


def test_a_korean_name_is_given_in_all_its_representations():
    # PS3.5 Annex I.2
    assert names_of({"Alphabetic": "Hong^Gildong", "Ideographic": "洪^吉洞", "Phonetic": "홍^길동"}) == [
        {"use": "usual", "family": "Hong", "given": ["Gildong"]},
        {"extension": written_as("IDE"), "use": "usual", "family": "洪", "given": ["吉洞"]},
        {"extension": written_as("SYL"), "use": "usual", "family": "홍", "given": ["길동"]},
    ]


def test_a_name_without_an_alphabetic_representation_says_what_it_is():
    name = name_of({"Ideographic": "山田^太郎"})
    assert name == {"extension": written_as("IDE"), "use": "usual", "family": "山田", "given": ["太郎"]}
    assert representation_of(name) == "IDE"


@pytest.mark.parametrize("extension", [[], written_as("ABC"), [{"url": "urn:other", "valueCode": "IDE"}], [{}]])
def test_a_name_that_says_nothing_else_is_alphabetic(extension):
    assert representation_of({"family": "Doe", "extension": extension}) is None


@pytest.mark.parametrize("value", ["", "^^^^", "^ ^", {}, {"Alphabetic": ""}, {"Alphabetic": None}, None])
def test_an_empty_name_is_no_name_and_no_finding(value):
    findings = Findings()
    assert names_of(value, findings) == []
    assert findings.keywords == ()


@pytest.mark.parametrize("value", ["\x00^ ^\x1b", {"Ideographic": "\x00"}])
def test_a_name_of_control_characters_alone_is_named_as_invalid(value):
    findings = Findings()
    assert names_of(value, findings) == []
    assert findings.keywords == ("PatientName",)


def test_a_sixth_component_has_no_place_and_is_named_as_invalid():
    findings = Findings()
    assert names_of("Doe^Jane^^^^more", findings) == [{"use": "usual", "family": "Doe", "given": ["Jane"]}]
    assert findings.keywords == ("PatientName",)
    empty = Findings()
    names_of("Doe^Jane^^^^^^", empty)
    assert empty.keywords == ()


def test_a_hostile_name_loses_its_control_characters_and_what_follows_the_fifth_component():
    assert name_of("Do\x00e^Ja\x1bne^^^^more^and more") == {"use": "usual", "family": "Doe", "given": ["Jane"]}


def test_a_name_to_show_is_in_the_order_of_speech():
    assert display_name(attributes(PatientName="Smith^Jane^M^Dr.^FRCR"), TAG) == "Dr. Jane M Smith FRCR"


def test_nothing_to_show_is_nothing():
    assert display_name(attributes(PatientName=""), TAG) is None
    assert display_name({}, TAG) is None
    assert display_name({TAG: {"vr": "PN", "Value": [None]}}, TAG) is None


def test_a_name_is_shown_in_the_first_group_it_has():
    assert (
        display_name(attributes(PatientName={"Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}), TAG)
        == "山田 太郎"
    )


@pytest.mark.parametrize(
    ("group", "shown"),
    [
        ("Alphabetic", "Dr. Tarou Ken Yamada Jr."),
        ("Ideographic", "Dr. Yamada Tarou Ken Jr."),
        ("Phonetic", "Dr. Yamada Tarou Ken Jr."),
    ],
)
def test_a_name_that_is_not_alphabetic_is_shown_family_first(group, shown):
    assert display_name(attributes(PatientName={group: "Yamada^Tarou^Ken^Dr.^Jr."}), TAG) == shown


@pytest.mark.parametrize(
    "attribute",
    [
        {"vr": "LO", "Value": ["Doe^Jane"]},
        {"vr": "US", "Value": [17477]},
        {"vr": "SQ", "Value": [{"00100010": {"vr": "PN"}}]},
        {"vr": "OB", "InlineBinary": "RG9l"},
        {"vr": "PN", "Value": ["Doe^Jane"]},
    ],
)
def test_what_is_no_person_name_is_no_name_and_noted(attribute):
    findings = Findings()
    assert human_names({TAG: attribute}, TAG, findings) == []
    assert findings.keywords == ("PatientName",)


def test_of_several_names_the_first_is_given_and_the_others_are_noted():
    findings = Findings()
    two = {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}, {"Alphabetic": "Roe"}]}
    assert human_names({TAG: two}, TAG, findings) == [{"use": "usual", "family": "Doe", "given": ["Jane"]}]
    assert findings.keywords == ("PatientName",)


def test_a_name_that_lost_characters_does_not_take_the_place_of_a_good_one():
    findings = Findings()
    lost = {"Alphabetic": "M\ufffdller^Jane", "Ideographic": "山田^太郎"}
    (ideographic,) = names_of(lost, findings)
    assert ideographic["family"] == "山田"
    assert findings.keywords == ("PatientName",)
