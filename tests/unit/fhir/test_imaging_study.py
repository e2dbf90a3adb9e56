from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR

from imaging.fhir.findings import Findings
from imaging.fhir.imaging_study import ELEMENTS, imaging_study
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.validation import checked
from tests.unit.fhir.samples import LINKS, SPACE, attributes, instance, revision, series, small_revision

SUBJECT = {"reference": "Patient/p1"}
ENDPOINTS = [{"reference": "Endpoint/e1"}, {"reference": "Endpoint/e2"}]
LOINC_CODE = attributes(CodeValue="24628-0", CodingSchemeDesignator="LN", CodeMeaning="CT Chest W contrast IV")


def mapped(study, findings=None, *, based_on=(), **policy):
    return checked(
        imaging_study(
            study,
            space=SPACE,
            subject=SUBJECT,
            endpoints=ENDPOINTS,
            based_on=based_on,
            links=LINKS,
            policy=PublishingPolicy(**policy),
            findings=Findings() if findings is None else findings,
        )
    )


def of_study(**values):
    return mapped(small_revision(**values))


def of_series(modality="CT", **values):
    findings = Findings()
    found = mapped(revision(series("1.2.3.1", instance("1.2.3.1.1"), modality=modality, **values)), findings)
    return found["series"][0], findings.keywords


def test_every_element_that_the_mapping_gives_is_declared_ours():
    study = revision(
        series("1.2.3.1", instance("1.2.3.1.1"), InstitutionName="Gotham General"),
        of_study=attributes(
            PatientID="4711",
            StudyDate="20261121",
            ReferringPhysicianName="Smith",
            NameOfPhysiciansReadingStudy="Jones",
            ProcedureCodeSequence=[LOINC_CODE],
            ReasonForPerformedProcedureCodeSequence=[LOINC_CODE],
            StudyDescription="CT Thorax",
        ),
    )
    result = mapped(replace(study, conflicts=("00081030",)), based_on=[{"reference": "ServiceRequest/s1"}])
    assert result.keys() - {"resourceType", "id", "meta"} == set(ELEMENTS)


def test_references_stand_as_they_are_given():
    result = mapped(small_revision(), based_on=[{"reference": "ServiceRequest/s1"}])
    assert (result["subject"], result["endpoint"]) == (SUBJECT, ENDPOINTS)
    assert result["series"][0]["endpoint"] == ENDPOINTS
    assert result["basedOn"] == [{"reference": "ServiceRequest/s1"}]


def test_the_referrer_is_a_name_to_show():
    assert of_study(ReferringPhysicianName="Smith^Jane^^Dr.")["referrer"] == {"display": "Dr. Jane Smith"}


def test_counts_are_of_the_whole_revision():
    study = revision(
        series("1.2.3.1", instance("1.2.3.1.1"), instance("1.2.3.1.2")), series("1.2.3.2", instance("1.2.3.2.1"))
    )
    result = mapped(study)
    assert (result["numberOfSeries"], result["numberOfInstances"]) == (2, 3)
    assert [each["numberOfInstances"] for each in result["series"]] == [2, 1]


@pytest.mark.parametrize(("ceiling", "is_listed"), [(3, True), (2, False)])
def test_above_the_ceiling_no_instance_is_listed_and_all_are_counted(ceiling, is_listed):
    study = revision(
        series("1.2.3.1", instance("1.2.3.1.1"), instance("1.2.3.1.2")), series("1.2.3.2", instance("1.2.3.2.1"))
    )
    result = mapped(study, max_listed_instances=ceiling)
    assert ["instance" in each for each in result["series"]] == [is_listed, is_listed]
    assert [each["numberOfInstances"] for each in result["series"]] == [2, 1]
    assert result["numberOfInstances"] == 3


def test_on_what_instances_disagree_is_noted_without_what_they_say():
    result = mapped(replace(small_revision(StudyDescription="Thorax"), conflicts=("00100010", "00081030")))
    assert result["note"] == [
        {
            "authorString": "Imaging ingestion",
            "text": "Instances of the study disagree on PatientName, StudyDescription; what was stored last is given.",
        }
    ]


def test_a_private_code_is_explained_by_any_series():
    code = attributes(CodeValue="CT17", CodingSchemeDesignator="99LOCAL")
    scheme = attributes(CodingSchemeDesignator="99LOCAL", CodingSchemeUID="1.2.9")
    study = revision(
        series("1.2.3.1", instance("1.2.3.1.1")),
        series("1.2.3.2", instance("1.2.3.2.1"), CodingSchemeIdentificationSequence=[scheme]),
        of_study=attributes(PatientID="4711", ProcedureCodeSequence=[code]),
    )
    assert mapped(study)["procedureCode"] == [{"coding": [{"system": "urn:oid:1.2.9", "code": "CT17"}]}]


@pytest.mark.parametrize("number", [-1, 2**31, "x", 1.5])
def test_a_number_that_fhir_cannot_hold_is_left_out_and_noted(number):
    found, keywords = of_series(SeriesNumber=number)
    assert "number" not in found
    assert keywords == ("SeriesNumber",)


def test_a_series_without_modality_says_that_it_is_unknown():
    found, keywords = of_series(modality="")
    assert found["modality"] == {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"},
        ]
    }
    assert keywords == ()


def test_each_series_started_in_the_zone_of_its_own_device():
    study = revision(
        series(
            "1.2.3.1", instance("1.2.3.1.1"), SeriesDate="20261121", SeriesTime="1800", TimezoneOffsetFromUTC="+0900"
        ),
        series("1.2.3.2", instance("1.2.3.2.1"), SeriesDate="20261121", SeriesTime="1000"),
        of_study=attributes(PatientID="4711", StudyDate="20261121", StudyTime="1000", TimezoneOffsetFromUTC="+0100"),
    )
    result = mapped(study)
    assert result["started"] == "2026-11-21T10:00:00+01:00"
    assert [each["started"] for each in result["series"]] == ["2026-11-21T18:00:00+09:00", "2026-11-21"]


def test_hostile_values_leave_a_valid_resource_and_are_noted():
    findings = Findings()
    study = revision(
        series(
            "1.2.3.1",
            instance("1.2.3.1.1", InstanceNumber="\x00"),
            modality="C\x00T\n",
            SeriesDescription="<script>\x1b[2J\x00",
            BodyPartExamined="\x01",
            SeriesDate="99999999",
            SeriesTime="\ud800",
        ),
        of_study=attributes(
            PatientID="4711",
            StudyDate="20260230",
            StudyTime="999999",
            TimezoneOffsetFromUTC="+9999",
            StudyDescription="x" * 2_000_000 + "\x00",
            AccessionNumber="\x02",
            ReferringPhysicianName="^\x00^^^",
        ),
    )
    result = mapped(study, findings)
    assert result.keys().isdisjoint({"started", "referrer", "modality"})
    assert len(result["identifier"]) == 1
    assert len(result["description"]) == 1024 * 1024
    assert result["series"][0].keys() == {
        "uid",
        "modality",
        "description",
        "numberOfInstances",
        "endpoint",
        "instance",
    }
    assert result["series"][0]["description"] == "<script>[2J"
    assert findings.keywords == (
        "AccessionNumber",
        "BodyPartExamined",
        "InstanceNumber",
        "Modality",
        "ReferringPhysicianName",
        "SeriesDate",
        "SeriesTime",
        "StudyDate",
        "StudyTime",
        "TimezoneOffsetFromUTC",
    )


_OF_STUDY = (
    *("00080020", "00080030", "00080050", "00080051", "00080090", "00080096", "00080201", "00081030", "00081032"),
    *("00081060", "00081062", "00200010", "00401012"),
)
_OF_SERIES = (
    *("00080021", "00080031", "00080080", "00080110", "0008103E", "00081040", "00081050", "00081052", "00081070"),
    *("00081072", "00180015", "00200011", "00200060", "00400275"),
)
_OF_INSTANCE = ("00080008", "00082218", "00200013", "00200062", "0040A043", "00420010", "00700080")
_IN_ITEMS = (
    *("00080050", "00080051", "00080080", "00080100", "00080102", "00080104", "00080119", "00080120", "00080121"),
    *("00080109", "0008010A", "0008010C", "0008010E", "00400031", "00400032", "00400033", "00401002", "0040100A"),
    "00401101",
)

# What may stand in an attribute: text that fits, text that does not, nothing at all.
_TEXT = st.one_of(
    st.sampled_from(
        ["20261121", "2055", "+0100", "R", "LN", "SCT", "SRT", "T-32000", "1", "CHEST", "A^B", "ISO", "1.2.3"]
    ),
    st.text(st.characters(exclude_categories=()), max_size=6),
    st.none(),
)


def _data_sets(tags, depth=2):
    return st.lists(st.sampled_from(tags), unique=True, max_size=6).flatmap(
        lambda chosen: st.fixed_dictionaries({tag: _attribute(tag, depth) for tag in chosen})
    )


def _attribute(tag, depth):
    vr = dictionary_VR(int(tag, 16))
    if vr == "SQ":
        values = st.lists(_data_sets(_IN_ITEMS, depth - 1) if depth else st.just({}), max_size=2)
    elif vr == "PN":
        values = st.lists(st.none() | st.fixed_dictionaries({"Alphabetic": _TEXT}), max_size=2)
    else:
        values = st.lists(_TEXT, max_size=2)
    return st.fixed_dictionaries({"vr": st.just(vr)}, optional={"Value": values})


@settings(max_examples=60)
@given(_data_sets(_OF_STUDY), _data_sets(_OF_SERIES), st.lists(_data_sets(_OF_INSTANCE), min_size=1, max_size=2), _TEXT)
def test_whatever_stands_or_is_missing_in_attributes_and_items_the_resource_is_valid(study, of, instances, modality):
    one = replace(
        series(
            "1.2.3.1",
            *(replace(instance(f"1.2.3.1.{number}"), attributes=each) for number, each in enumerate(instances)),
            modality=modality or "",
        ),
        attributes=of,
    )
    mapped(revision(one, of_study=study))
