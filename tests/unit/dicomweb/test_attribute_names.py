import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.attribute_names import AttributeNames, is_private_creator
from imaging.errors import Rejected, RejectReason
from imaging.ports.catalogue import QueryTags
from imaging.reading.query_keys import Level

STUDIES = AttributeNames(Level.STUDY, QueryTags(), {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("00290010", True), ("002900ff", True), ("00290001", False), ("00280010", False), ("PatientID", False)],
)
def test_knows_which_parameters_reserve_a_private_block(name: str, expected: bool) -> None:
    assert is_private_creator(name) is expected


@pytest.mark.parametrize("name", ["studydate", "STUDYDATE", "0020000", "00100020.", ""])
def test_a_keyword_has_its_case_and_a_tag_its_digits(name: str) -> None:
    with pytest.raises(Rejected):
        STUDIES.path(name)


@pytest.mark.parametrize(
    ("field", "tag", "is_returned"),
    [
        ("StudyDescription", "00081030", True),
        ("0008103e", "0008103E", True),
        ("RequestAttributesSequence.RequestedProcedureID", "00400275", True),
        ("NumberOfStudyRelatedInstances", "00201208", True),
        ("PixelSpacing", "00280030", False),
        ("00091002", "00091002", False),
    ],
)
def test_knows_which_fields_can_be_returned(field: str, tag: str, is_returned: bool) -> None:
    assert STUDIES.included(field) == (tag, is_returned)


@given(st.text(max_size=40), st.sampled_from(Level))
def test_any_name_is_known_or_refused(name: str, level: Level) -> None:
    names = AttributeNames(level, QueryTags(), {})
    for resolve in (names.path, names.included):
        reason = None
        try:
            resolve(name)
        except Rejected as refusal:
            reason = refusal.reason
        assert reason in (None, RejectReason.MALFORMED_REQUEST)
