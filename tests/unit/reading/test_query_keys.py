from imaging.reading.query_keys import MATCH_KEYS, Level, MatchKey, match_keys
from imaging.settings import QueryTag

# PS3.18 Table 10.6.1-5; of the sequence its items.
REQUIRED = {
    Level.STUDY: [
        *("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName"),
        *("PatientName", "PatientID", "StudyInstanceUID", "StudyID"),
    ],
    Level.SERIES: [
        *("Modality", "SeriesInstanceUID", "SeriesNumber", "PerformedProcedureStepStartDate"),
        *("PerformedProcedureStepStartTime", "RequestAttributesSequence"),
    ],
    Level.INSTANCE: ["SOPClassUID", "SOPInstanceUID", "InstanceNumber"],
}


def test_has_all_that_the_standard_requires() -> None:
    levels = {key.keyword: key.level for key in MATCH_KEYS}
    assert all(levels[keyword] is level for level, keywords in REQUIRED.items() for keyword in keywords)


def test_has_each_attribute_once() -> None:
    assert len({key.tag for key in MATCH_KEYS}) == len({key.keyword for key in MATCH_KEYS}) == len(MATCH_KEYS)


def test_a_time_zone_is_not_matched() -> None:
    assert "00080201" not in {key.tag for key in MATCH_KEYS}


def test_a_level_has_the_levels_above_too() -> None:
    assert {key.level for key in match_keys(Level.SERIES)} == {Level.STUDY, Level.SERIES}
    assert match_keys(Level.INSTANCE) == MATCH_KEYS


def test_further_attributes_belong_to_their_levels() -> None:
    tags = (
        QueryTag("00181151", "XRayTubeCurrent", "IS", "instance"),
        QueryTag("00291001", "", "LO", "study", "ACME"),
        QueryTag("00100020", "PatientID", "LO", "study"),  # always indexed
    )
    private = MatchKey("00291001", "00291001", "LO", Level.STUDY, "ACME")
    assert match_keys(Level.STUDY, tags) == (*match_keys(Level.STUDY), private)
    assert [key.keyword for key in match_keys(Level.INSTANCE, tags)[-2:]] == ["XRayTubeCurrent", "00291001"]
