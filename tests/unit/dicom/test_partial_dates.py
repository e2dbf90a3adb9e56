import pytest

from imaging.dicom.header import BytesSource, read_header
from imaging.dicom.partial_dates import partial_dates
from tests.unit.dicom.files import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, element, identifiers, part10

STUDY_DATE, CONTENT_DATE = "00080020", "00080023"


def found(text, syntax=EXPLICIT_VR_LITTLE_ENDIAN, tag=STUDY_DATE):
    implicit = syntax == IMPLICIT_VR_LITTLE_ENDIAN
    first, then = identifiers() if not implicit else (b"", b"")
    date = element(int(tag, 16), "DA", text, implicit=implicit)
    uids = [(0x00080016, "1.2"), (0x00080018, "1.2.3")], [(0x0020000D, "1.2.1"), (0x0020000E, "1.2.2")]
    if implicit:
        first, then = (b"".join(element(uid, "UI", value, implicit=True) for uid, value in each) for each in uids)
    content = part10(first + date + then, syntax)
    return partial_dates(read_header(BytesSource(content)).data_set, (tag, "00100030"))


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN])
@pytest.mark.parametrize("text", ["1921", "192107", "19210700", "1921.07.03", "1921 "])
def test_keeps_what_a_date_that_is_no_da_says(text, syntax):
    assert found(text, syntax) == {STUDY_DATE: {"vr": "DA", "Value": [text.strip()]}}


@pytest.mark.parametrize("text", ["", "yesterday", "192", "1921-07-03", "1921\\1922", "19210703T12", "1921\xb2"])
def test_what_is_no_date_says_nothing(text):
    assert found(text) == {}


def test_dates_that_fhir_does_not_show_stay_as_they_are():
    assert found("1921", tag=CONTENT_DATE) == {}
