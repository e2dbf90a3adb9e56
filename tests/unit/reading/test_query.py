from datetime import UTC, datetime

from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Arrival, DicomJson, Door, Instance
from imaging.model.study import Series, Study, StudyState
from imaging.reading.criteria import Asked, criteria_from
from imaging.reading.matching import ExtendedMatching
from imaging.reading.query import Query
from imaging.reading.query_keys import MATCH_KEYS, Level, MatchKey

KEYS = {key.keyword: key for key in MATCH_KEYS}
CURRENT = MatchKey("XRayTubeCurrent", "00181151", "IS", Level.INSTANCE)
KEY = InstanceKey("main", "1", "1.2", "1.2.3")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def study(attributes: DicomJson) -> Study:
    return Study(
        key=KEY.study,
        state=StudyState.OPEN,
        changes=1,
        opened_at=MOMENT,
        last_change_at=MOMENT,
        revision=0,
        claim=None,
        series=1,
        instances=1,
        modalities=("CT", "SR"),
        attributes=attributes,
    )


def series(attributes: DicomJson) -> Series:
    return Series(study=KEY.study, series_instance_uid="1.2", instances=1, changes=1, attributes=attributes)


def instance(attributes: DicomJson) -> Instance:
    return Instance(
        key=KEY,
        change_number=1,
        action=Action.CREATE,
        version_id="v1",
        size_bytes=1,
        arrival=Arrival("digest", "1.2.840.10008.1.2.1", Door.STOW_RS, MOMENT),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        attributes=attributes,
    )


def query(*asked: tuple[MatchKey, str], zone: int | None = None) -> Query:
    criteria = criteria_from([Asked((key,), value) for key, value in asked], ExtendedMatching(zone=zone))
    return Query("main", Level.INSTANCE, criteria, limit=10, tag_levels={CURRENT.tag: CURRENT.level})


def element(vr: str, value: object) -> dict[str, object]:
    return {"vr": vr, "Value": [value]}


def test_each_level_meets_its_own_criteria() -> None:
    asked = query(
        (KEYS["ModalitiesInStudy"], "SR"), (KEYS["Modality"], "CT"), (KEYS["InstanceNumber"], "7"), (CURRENT, "200")
    )
    assert asked.is_met_by_study(study({}))
    assert asked.is_met_by_series(series({"00080060": element("CS", "CT")}))
    assert not asked.is_met_by_series(series({"00080060": element("CS", "SR")}))
    numbered = {"00200013": element("IS", 7)}
    assert asked.is_met_by_instance(instance(numbered | {"00181151": element("IS", 200)}))
    assert not asked.is_met_by_instance(instance(numbered))


def test_knows_the_uids_of_each_level() -> None:
    asked = query(
        (KEYS["StudyInstanceUID"], "1"),
        (KEYS["SeriesInstanceUID"], "1.2"),
        (KEYS["SOPInstanceUID"], "1.2.3"),
        (KEYS["SOPClassUID"], "1.2.840.10008.5.1.4.1.1.2"),
    )
    assert asked.is_met_by_study(study({}))
    assert asked.is_met_by_series(series({}))
    assert asked.is_met_by_instance(instance({}))
    assert asked.values("00080018") == {"1.2.3"}


def test_a_date_and_its_time_are_met_at_their_level() -> None:
    asked = query(
        (KEYS["PerformedProcedureStepStartDate"], "20260102-20260103"),
        (KEYS["PerformedProcedureStepStartTime"], "22-06"),
    )
    at_night = {"00400244": element("DA", "20260103"), "00400245": element("TM", "0300")}
    assert asked.is_met_by_study(study({}))
    assert asked.is_met_by_series(series(at_night))
    assert not asked.is_met_by_series(series(at_night | {"00400245": element("TM", "0700")}))


def test_the_study_tells_in_which_time_zone_its_series_are() -> None:
    asked = query((KEYS["SeriesDate"], "20260103"), zone=60)
    late = series({"00080021": element("DA", "20260102"), "00080031": element("TM", "2330")})
    assert asked.is_met_by_series(late, study({"00080201": element("SH", "+0000")}))
    assert not asked.is_met_by_series(late, study({}))
