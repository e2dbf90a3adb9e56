import pytest

from imaging.fhir.imaging_study import ELEMENTS, imaging_study
from imaging.fhir.validation import checked
from tests.unit.fhir.samples import LINKS, attributes, instance, revision, series, small_revision

DCM = "http://dicom.nema.org/resources/ontology/DCM"


def mapped(revision):
    return checked(imaging_study(revision, "p1", LINKS))


def of_study(**values):
    return mapped(small_revision(**values))


def of_series(modality="CT", **values):
    return mapped(revision(series("1.2.3.1", instance("1.2.3.1.1"), modality=modality, **values)))["series"][0]


def test_a_study_with_every_optional_attribute_empty():
    empty = {"StudyDate": "", "StudyTime": "", "AccessionNumber": "", "ReferringPhysicianName": ""}
    result = mapped(
        revision(series("1.2.3.1", instance("1.2.3.1.1"), modality=""), of_study=attributes(PatientID="4711", **empty))
    )
    unknown = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    assert result == {
        "resourceType": "ImagingStudy",
        "id": "708a3ae1-6bde-59fd-ae9e-9ce93e73e079",
        "meta": {"source": "https://imaging.example.org/spaces/main"},
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}],
        "status": "available",
        "subject": {"reference": "Patient/p1"},
        "endpoint": [{"reference": "Endpoint/88a3044e-7151-5e22-b826-f3aa773a7d69"}],
        "numberOfSeries": 1,
        "numberOfInstances": 1,
        "series": [
            {
                "uid": "1.2.3.1",
                "modality": {"extension": [{"url": unknown, "valueCode": "unknown"}]},
                "numberOfInstances": 1,
                "instance": [
                    {
                        "uid": "1.2.3.1.1",
                        "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1.4.1.1.2"},
                    }
                ],
            }
        ],
    }


def test_every_element_that_the_mapping_gives_is_declared_ours():
    result = of_study(
        StudyDate="20261121", AccessionNumber="A1", ReferringPhysicianName="Smith", StudyDescription="CT Thorax"
    )
    assert result.keys() - {"resourceType", "id", "meta"} == set(ELEMENTS)


def test_the_accession_number_is_a_typed_identifier():
    assert of_study(AccessionNumber=" A1 ")["identifier"][1] == {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]},
        "value": "A1",
    }


def test_modalities_are_those_of_the_series_each_once_and_sorted():
    study = revision(
        *(
            series(f"1.2.3.{number}", instance(f"1.2.3.{number}.1"), modality=modality)
            for number, modality in enumerate(["PT", "CT", "PT", ""])
        )
    )
    assert mapped(study)["modality"] == [{"system": DCM, "code": "CT"}, {"system": DCM, "code": "PT"}]


@pytest.mark.parametrize(
    ("values", "started"),
    [
        ({"StudyDate": "20261121", "StudyTime": "2055", "TimezoneOffsetFromUTC": "+0900"}, "2026-11-21T20:55:00+09:00"),
        ({"StudyDate": "20261121", "StudyTime": "205501"}, "2026-11-21"),
        ({"StudyDate": "202611"}, "2026-11"),
        ({"StudyTime": "205501", "TimezoneOffsetFromUTC": "+0900"}, None),
    ],
)
def test_started_is_as_exact_as_date_time_and_offset_allow(values, started):
    assert of_study(**values).get("started") == started


def test_the_referrer_is_a_name_to_show():
    assert of_study(ReferringPhysicianName="Smith^Jane^^Dr.")["referrer"] == {"display": "Dr. Jane Smith"}


def test_counts_are_of_the_whole_revision():
    study = revision(
        series("1.2.3.1", instance("1.2.3.1.1"), instance("1.2.3.1.2")), series("1.2.3.2", instance("1.2.3.2.1"))
    )
    result = mapped(study)
    assert (result["numberOfSeries"], result["numberOfInstances"]) == (2, 3)
    assert [each["numberOfInstances"] for each in result["series"]] == [2, 1]


def test_a_series_has_number_description_body_site_and_start():
    result = mapped(
        revision(
            series(
                "1.2.3.1",
                instance("1.2.3.1.1", InstanceNumber=5),
                SeriesNumber=3,
                SeriesDescription="Axial",
                BodyPartExamined="CHEST",
                SeriesDate="20261121",
                SeriesTime="205501",
            ),
            of_study=attributes(PatientID="4711", TimezoneOffsetFromUTC="+0100"),
        )
    )["series"][0]
    assert result["number"] == 3
    assert result["description"] == "Axial"
    assert result["bodySite"] == {"display": "CHEST"}
    assert result["started"] == "2026-11-21T20:55:01+01:00"
    assert result["instance"][0]["number"] == 5


@pytest.mark.parametrize("number", [-1, 2**31, "x", 1.5])
def test_a_number_that_fhir_cannot_hold_is_left_out(number):
    assert "number" not in of_series(SeriesNumber=number)


def test_hostile_values_leave_a_valid_resource():
    result = mapped(
        revision(
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
    )
    assert result.keys().isdisjoint({"started", "referrer", "modality"})
    assert len(result["identifier"]) == 1
    assert len(result["description"]) == 1024 * 1024
    assert result["series"][0].keys() == {"uid", "modality", "description", "numberOfInstances", "instance"}
    assert result["series"][0]["description"] == "<script>[2J"
