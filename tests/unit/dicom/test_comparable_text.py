import pytest

from imaging.dicom.comparable_text import comparable


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Ünal^Ayşe", "unal^ayse"),
        ("Wałęsa^Łukasz", "walesa^lukasz"),
        ("Sørensen", "SORENSEN"),
        ("Straße", "STRASSE"),
        ("Doe^John^^", "doe^john"),
        ("ﾔﾏﾀﾞ", "ヤマダ"),  # the half width
        ("ΣΊΣΥΦΟΣ", "σισυφος"),
    ],
)
def test_of_what_is_equal_equal(name: str, same: str) -> None:
    assert comparable(name) == comparable(same)


def test_of_what_is_another_letter_another() -> None:
    assert comparable("がき") != comparable("かき")
    assert comparable("김") != comparable("긴")
