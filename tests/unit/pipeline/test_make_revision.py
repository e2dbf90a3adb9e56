"""What a revision says of a study whose instances do not say the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.attributes import INSTANCE_ATTRIBUTES, PATIENT_STUDY_ATTRIBUTES, SERIES_ATTRIBUTES, text
from imaging.model.completion import CompletionReason
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Action, Arrival, DicomJson, Door, Instance
from imaging.model.revision import Revision
from imaging.model.revision_document import unzipped, zipped
from imaging.model.study import Study, StudyState
from imaging.pipeline.make_revision import revision_of
from imaging.pipeline.named_patient import PATIENT_ID
from imaging.settings import QueryTag
from tests.fakes import START
from tests.unit.fhir.samples import attributes

STUDY = StudyKey("main", "1.2.1")
ISSUER_A, ISSUER_B = "Hospital A", "Hospital B"


def instance(
    number: int,
    *unreadable: str,
    series: int = 1,
    stored: int | None = None,
    deleted: bool = False,
    also: DicomJson | None = None,
    partial_dates: DicomJson | None = None,
    **values: Any,
) -> Instance:
    """An instance of `STUDY`, stored in the second of its number if none is given."""
    return Instance(
        key=InstanceKey("main", "1.2.1", f"1.2.1.{series}", f"1.2.1.{series}.{number}"),
        change_number=1,
        action=Action.DELETE if deleted else Action.CREATE,
        version_id=f"v{number}",
        size_bytes=1_000,
        arrival=Arrival(
            f"{number}",
            "1.2.840.10008.1.2.1",
            Door.STOW_RS,
            START + timedelta(seconds=number if stored is None else stored),
        ),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        attributes={**attributes(**values), **(also or {})},
        unreadable=unreadable,
        partial_dates=partial_dates or {},
    )


def revision(*rows: Instance, query_tags: Sequence[QueryTag] = ()) -> Revision:
    study = Study(STUDY, StudyState.OPEN, 1, START, START, 0, None, 1, 1, (), attributes(PatientID="as the row has it"))
    return revision_of(study, list(rows), None, START, CompletionReason.QUIET, query_tags)


def test_an_attribute_has_the_value_that_was_stored_last() -> None:
    made = revision(
        instance(1, StudyDescription="Chest", PatientSex="F", SeriesDescription="Scout"),
        instance(3, StudyDescription="", SeriesDescription="Lung", InstanceNumber=3),
        instance(2, StudyDescription="Thorax", StudyID="", SeriesDescription="Bone"),
        instance(4, StudyDescription="gone", SeriesDescription="gone", deleted=True),
        instance(5, series=2, StudyID=""),
    )
    assert made.attributes == attributes(StudyDescription="Thorax", StudyID="", PatientSex="F")
    assert [series.attributes for series in made.series] == [attributes(SeriesDescription="Lung"), {}]
    assert [each.attributes for each in made.series[0].instances] == [{}, {}, attributes(InstanceNumber=3)]


def test_what_belongs_together_comes_from_one_instance() -> None:
    made = revision(
        instance(1, StudyDate="20260101", StudyTime="1200", TimezoneOffsetFromUTC="+0100", IssuerOfPatientID="Ours"),
        instance(2, StudyDate="20260102", PatientID="4711", PerformingPhysicianName="A^B"),
        instance(3, StudyTime="0800", TimezoneOffsetFromUTC="-0500", BodyPartExamined="BREAST", Laterality="L"),
        instance(4, BodyPartExamined="CHEST"),
    )
    assert made.attributes == attributes(StudyDate="20260102", PatientID="4711")
    assert made.series[0].attributes == attributes(
        BodyPartExamined="CHEST", PerformingPhysicianName="A^B", TimezoneOffsetFromUTC="-0500"
    )
    assert set(made.conflicts) == {"00080020", "00080030", "00080201", "00100021"}


def test_what_an_instance_leaves_out_comes_from_another_that_says_the_same() -> None:
    """As of a Key Object Selection that a workstation makes."""
    issuer = [attributes(LocalNamespaceEntityID="RIS")]
    made = revision(
        instance(1, PatientID="1", AccessionNumber="A", IssuerOfAccessionNumberSequence=issuer),
        instance(2, PatientID="1", IssuerOfPatientID=ISSUER_A, StudyDate="20260101", StudyTime="1000"),
        instance(3, PatientID="1", StudyDate="20260101", StudyTime="1000", TimezoneOffsetFromUTC="+0100"),
        instance(4, StudyDate="20260102", StudyTime="1000", TimezoneOffsetFromUTC="+0900"),
        instance(5, PatientID="1 ", AccessionNumber="A", StudyDate="20260101"),
    )
    assert made.attributes == attributes(
        PatientID="1 ",
        IssuerOfPatientID=ISSUER_A,
        AccessionNumber="A",
        IssuerOfAccessionNumberSequence=issuer,
        StudyDate="20260101",
        StudyTime="1000",
        TimezoneOffsetFromUTC="+0100",
    )
    assert made.conflicts == ("00080020", "00080201")


def test_an_offset_never_meets_the_time_of_another_zone() -> None:
    made = revision(
        instance(1, StudyDate="20260101", StudyTime="1000"),
        instance(2, StudyDate="20260101", TimezoneOffsetFromUTC="+0900"),
    )
    assert made.attributes == attributes(StudyDate="20260101", StudyTime="1000")


def test_each_series_has_the_offset_of_its_own_times() -> None:
    made = revision(
        instance(1, StudyDate="20260101", SeriesDate="20260101", SeriesTime="1000", TimezoneOffsetFromUTC="+0100"),
        instance(2, series=2, SeriesDate="20260101", SeriesTime="1800", TimezoneOffsetFromUTC="+0900"),
        instance(3, series=2, SeriesDate="20260101", SeriesTime="1800"),
    )
    offsets = [text(each.attributes, "00080201") for each in (made, *made.series)]
    assert offsets == ["+0100", "+0100", "+0900"]


LOCAL_A = [attributes(LocalNamespaceEntityID="A")]
UNIVERSAL_A, UNIVERSAL_B = (
    [attributes(UniversalEntityID=oid, UniversalEntityIDType="ISO")] for oid in ("1.2.3.4", "1.2.3.5")
)


@pytest.mark.parametrize("is_first_last", [True, False])
@pytest.mark.parametrize(
    ("one", "other", "are_different"),
    [
        ({"PatientID": "1"}, {"PatientID": "2"}, True),
        ({"PatientID": "1"}, {"PatientID": " 1 "}, False),
        ({"PatientID": "1"}, {"PatientID": ""}, False),
        ({"PatientID": "1"}, {"PatientID": "", "IssuerOfPatientID": "B"}, False),
        ({"PatientID": "1", "IssuerOfPatientID": "A"}, {"PatientID": "1"}, False),
        ({"PatientID": "1", "IssuerOfPatientID": "A"}, {"PatientID": "1", "IssuerOfPatientID": "B"}, True),
        (
            {"PatientID": "1", "IssuerOfPatientID": "A", "IssuerOfPatientIDQualifiersSequence": UNIVERSAL_A},
            {"PatientID": "1", "IssuerOfPatientID": "B", "IssuerOfPatientIDQualifiersSequence": UNIVERSAL_A},
            False,
        ),
        (
            {"PatientID": "1", "IssuerOfPatientIDQualifiersSequence": UNIVERSAL_A},
            {"PatientID": "1", "IssuerOfPatientIDQualifiersSequence": UNIVERSAL_B},
            True,
        ),
        (
            {"PatientID": "1", "IssuerOfPatientIDQualifiersSequence": UNIVERSAL_A},
            {"PatientID": "1", "IssuerOfPatientID": "A"},
            False,
        ),
        (
            {"PatientID": "1", "IssuerOfPatientIDQualifiersSequence": LOCAL_A},
            {"PatientID": "1", "IssuerOfPatientID": "B", "IssuerOfPatientIDQualifiersSequence": UNIVERSAL_A},
            True,
        ),
    ],
)
def test_instances_name_different_patients_if_they_contradict_each_other(
    one: dict[str, Any], other: dict[str, Any], are_different: bool, is_first_last: bool
) -> None:
    made = revision(instance(1, stored=2 if is_first_last else 0, **one), instance(3, stored=1, **other))
    assert (PATIENT_ID in made.conflicts) is are_different


def test_without_its_first_what_belongs_together_still_comes_from_one_instance() -> None:
    made = revision(
        instance(1, StudyTime="1200", TimezoneOffsetFromUTC="+0100"),
        instance(2, StudyTime="0800"),
    )
    assert made.attributes == attributes(StudyTime="0800")


def test_a_patient_never_gets_the_name_of_another() -> None:
    made = revision(
        instance(1, PatientID="1", PatientName="Doe^Jane", PatientBirthDate="1980"),
        instance(2, PatientID="2", PatientName="Roe^Richard", PatientSex="M", StudyDescription="Chest"),
        instance(3, PatientBirthDate="19800101"),
        instance(4, PatientID="1"),
    )
    assert made.attributes == attributes(
        PatientID="1", PatientName="Doe^Jane", PatientBirthDate="19800101", StudyDescription="Chest"
    )
    assert made.conflicts == ("00100010", "00100020", "00100030", "00100040")


@pytest.mark.parametrize(("issuer", "sex"), [(ISSUER_B, None), (ISSUER_A, "M"), ("", "M")])
def test_one_patient_id_of_two_issuers_is_two_patients(issuer: str, sex: str | None) -> None:
    made = revision(
        instance(1, PatientID="1", IssuerOfPatientID=issuer, PatientSex="M"),
        instance(2, PatientID="1", IssuerOfPatientID=ISSUER_A),
    )
    assert made.attributes == attributes(
        PatientID="1", IssuerOfPatientID=ISSUER_A, **({"PatientSex": sex} if sex else {})
    )


def test_only_values_disagree() -> None:
    name = {"Alphabetic": "Doe^Jane"}
    agreeing = revision(
        instance(1, PatientName={"Alphabetic": "Doe^Jane^^^"}, StudyID="", PatientAge="041Y", SeriesDescription="A"),
        instance(2, PatientName=name, StudyID="7", SeriesDescription="B"),
    )
    assert agreeing.conflicts == ()
    assert agreeing.attributes == attributes(PatientName=name, StudyID="7", PatientAge="041Y")
    disagreeing = revision(
        instance(1, PatientName={**name, "Ideographic": "ドウ"}, StudyID="07"),
        instance(2, PatientName=name, StudyID="7"),
    )
    assert disagreeing.conflicts == ("00100010", "00200010")


def test_a_value_that_cannot_be_read_is_noted_where_no_other_stands_for_it() -> None:
    made = revision(
        instance(1, "00080020", "00100030", "00280010", StudyTime="12", PatientBirthDate=""),
        instance(2, "00080020", "00080021", "00321060", StudyDate=""),
        instance(3, RequestedProcedureDescription="CT chest", StudyTime="13"),
        instance(4, "00200011", series=2, SeriesDate="20260101"),
        instance(5, "00080018", "00200011", series=2, SeriesNumber=5, deleted=True),
    )
    assert made.unreadable == ("00080021", "00100030", "00200011", "00280010")
    assert revision(instance(1, "00080020")).unreadable == ("00080020",)


def test_a_partial_date_stands_in_where_there_is_no_better_one() -> None:
    made = revision(
        instance(1, "00100030", PatientID="1", partial_dates=attributes(PatientBirthDate="1970")),
        instance(2, "00080020", "00100030", PatientID="2", partial_dates=attributes(PatientBirthDate="1980")),
        instance(3, "00080020", StudyTime="12", partial_dates=attributes(StudyDate="202601")),
        instance(4, "00080020", "00080021", PatientID="1", partial_dates=attributes(SeriesDate="2026")),
        instance(5, "00080021", "00080020", series=2, partial_dates=attributes(SeriesDate="2026")),
        instance(6, series=2, SeriesDate="20260102"),
    )
    assert made.partial_dates == attributes(StudyDate="202601", PatientBirthDate="1970")
    assert [series.partial_dates for series in made.series] == [attributes(SeriesDate="2026"), {}]
    assert made.unreadable == ()
    assert made.attributes == attributes(PatientID="1", StudyTime="12")
    with_them = made.with_partial_dates()
    assert with_them.attributes == attributes(
        PatientID="1", StudyTime="12", StudyDate="202601", PatientBirthDate="1970"
    )
    assert [series.attributes for series in with_them.series] == [
        attributes(SeriesDate="2026"),
        attributes(SeriesDate="20260102"),
    ]
    assert unzipped(zipped(made)) == made


def test_further_attributes_are_told_by_the_same_rule() -> None:
    private = {"00091010": {"vr": "UN", "InlineBinary": "AQI="}}
    made = revision(
        instance(1, also=private),
        instance(2, also={"00091010": {"vr": "UN"}}),
        query_tags=[QueryTag("00091010", "", "UN", "study", "ACME")],
    )
    assert made.attributes == private


def test_a_study_that_is_gone_keeps_what_it_was() -> None:
    made = revision(instance(1, "00080020", PatientID="1", deleted=True))
    assert made.attributes == attributes(PatientID="as the row has it")
    assert (made.series, made.conflicts, made.unreadable) == ((), (), ())


def test_its_document_tells_all_of_it() -> None:
    made = revision(instance(1, "00080020", PatientID="1"), instance(2, "00280010", PatientID="2"))
    assert made.conflicts
    assert made.unreadable
    assert unzipped(zipped(made)) == made


def test_what_is_only_too_long_is_told_apart_from_what_is_broken() -> None:
    description, codes, title = "00081030", "00081032", "00420010"
    made = revision(
        replace(instance(1, description, codes, title), too_long=(description, codes, title)),
        replace(instance(2, description, title), too_long=(title,)),
    )
    assert made.unreadable == (description, codes, title)
    assert made.too_long == (codes, title)
    assert unzipped(zipped(made)) == made


_TAGS = st.sampled_from((*PATIENT_STUDY_ATTRIBUTES[:6], *PATIENT_STUDY_ATTRIBUTES[12:20], *SERIES_ATTRIBUTES[:4]))
_VALUES = st.sampled_from([{"vr": "LO"}, {"vr": "LO", "Value": ["A"]}, {"vr": "LO", "Value": ["B"]}])
_INSTANCES = st.lists(
    st.tuples(st.integers(1, 2), st.integers(0, 2), st.dictionaries(_TAGS, _VALUES), st.sets(_TAGS)),
    min_size=1,
    max_size=6,
)


@given(_INSTANCES, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(told: list[Any], random: Random) -> None:
    rows = [
        instance(number, *sorted(broken - said.keys()), series=series, stored=stored, also=said)
        for number, (series, stored, said, broken) in enumerate(told)
    ]
    shuffled = random.sample(rows, len(rows))
    made = revision(*rows)
    assert zipped(revision(*shuffled)) == zipped(made)
    for tag in PATIENT_STUDY_ATTRIBUTES:  # nothing is made up, and nothing that cannot be read is given
        if tag in made.attributes:
            assert made.attributes[tag] in [row.attributes.get(tag) for row in rows]
    assert not {tag for tag in made.unreadable if "Value" in made.attributes.get(tag, {})}
    assert not set(made.unreadable).intersection(INSTANCE_ATTRIBUTES)
