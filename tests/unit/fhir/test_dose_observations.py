from typing import Any

import pytest
from pydicom.sr.codedict import codes

from imaging.dicom.attributes import indexed
from imaging.fhir.dose_observations import dose_observations, is_dose_report
from imaging.fhir.identity import observation_id
from imaging.fhir.primitives import Resource
from imaging.fhir.validation import checked
from imaging.model.instance import DicomJson
from tests.unit.fhir.dose_reports import KEY, code, container, moment, num, report, uid, words
from tests.unit.fhir.samples import LINKS

DCM, SCT = codes.DCM, codes.SCT
STUDY, SUBJECT = {"reference": "ImagingStudy/1"}, {"reference": "Patient/2"}
CTDI_VOL, DLP = "DCM|113830|Mean CTDIvol", "DCM|113838|DLP"
DLP_TOTAL = "DCM|113813|CT Dose Length Product Total"
LATERALITY = "SCT|272741003|Laterality"
BROKEN = {"vr": "SQ", "Value": [{"00080100": {"vr": "SH"}}]}


def ct_event(number: int, *more: Any) -> Any:
    return container(
        "DCM|113819|CT Acquisition",
        words(DCM.AcquisitionProtocol, "Thorax"),
        code(DCM.TargetRegion, "SRT|T-D3000|Chest"),
        code("DCM|113820|CT Acquisition Type", "SRT|P5-08001|Spiral Acquisition"),
        uid(DCM.IrradiationEventUID, f"1.2.3.9.100.{number}"),
        container("DCM|113829|CT Dose", num(CTDI_VOL, "5.25", "mGy"), num(DLP, "203.12", "mGy.cm"), *more),
    )


CT = (
    code(DCM.ProcedureReported, "SRT|P5-08000|Computed Tomography X-Ray"),
    words("DCM|121014|Device Observer Manufacturer", "ACME"),
    words("DCM|121015|Device Observer Model Name", "Scan 3"),
    moment("DCM|113809|Start of X-Ray Irradiation", "20260102030405.5"),
    container(
        "DCM|113811|CT Accumulated Dose Data",
        num("DCM|113812|Total Number of Irradiation Events", "2", "{events}"),
        num("DCM|113813|CT Dose Length Product Total", "406", "mGy.cm"),
    ),
    ct_event(1),
    ct_event(2, code("DCM|113835|CTDIw Phantom Type", "DCM|113691|IEC Body Dosimetry Phantom")),
)


def mapped(metadata: DicomJson) -> list[Resource]:
    made = dose_observations(metadata, key=KEY, study=STUDY, subject=SUBJECT, links=LINKS)
    assert [checked(each)["id"] for each in made] == list({each["id"]: None for each in made})
    return made


def said(observation: Resource) -> list[tuple[str, Any]]:
    """The components in brief: text or display of the code, and the value."""
    return [
        (each["code"].get("text", each["code"]["coding"][0]["display"]), *(v for k, v in each.items() if k != "code"))
        for each in observation.get("component", [])
    ]


def quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def test_a_ct_report_becomes_a_summary_and_an_observation_of_each_event() -> None:
    summary, first, second = mapped(report(*CT, TimezoneOffsetFromUTC="+0900"))
    dcm, sct = "http://dicom.nema.org/resources/ontology/DCM", "http://snomed.info/sct"
    types = "http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type"
    of_report = {
        "type": {"coding": [{"system": types, "code": "sop-instance-uid", "display": "SOP Instance UID"}]},
        "system": "urn:dicom:uid",
        "value": "urn:oid:1.2.3.9.1",
    }
    common = {
        "resourceType": "Observation",
        "meta": {"source": LINKS.space("main")},
        "partOf": [STUDY],
        "status": "final",
        "category": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}]}
        ],
        "subject": SUBJECT,
        "focus": [STUDY],
        "device": {"display": "ACME Scan 3"},
    }
    loinc = "Radiation exposure and protection information [Description] Document Diagnostic imaging"
    assert summary == {
        **common,
        "id": observation_id(KEY, "summary"),
        "identifier": [of_report],
        "code": {"coding": [{"system": "http://loinc.org", "code": "73569-6", "display": loinc}]},
        "effectiveDateTime": "2026-01-02T03:04:05.5+09:00",
        "component": [
            {
                "code": {"coding": [{"system": dcm, "code": "121058", "display": "Procedure reported"}]},
                "valueCodeableConcept": {
                    "coding": [{"system": sct, "code": "77477000", "display": "Computed Tomography X-Ray"}],
                    "text": "Computed Tomography X-Ray",
                },
            },
            {
                "code": {
                    "coding": [{"system": dcm, "code": "113812", "display": "Total Number of Irradiation Events"}]
                },
                "valueInteger": 2,
            },
            {
                "code": {"coding": [{"system": dcm, "code": "113813", "display": "CT Dose Length Product Total"}]},
                "valueQuantity": quantity(406, "mGy.cm"),
            },
        ],
    }
    event_type = {"coding": [{"system": types, "code": "irradiation-event-uid", "display": "Irradiation Event UID"}]}
    assert {name: value for name, value in first.items() if name != "component"} == {
        **common,
        "id": observation_id(KEY, "event", "1.2.3.9.100.1"),
        "identifier": [
            {"type": event_type, "system": "urn:dicom:uid", "value": "urn:oid:1.2.3.9.100.1"},
            of_report,
        ],
        "code": {"coding": [{"system": dcm, "code": "113852", "display": "Irradiation Event"}]},
        "bodySite": {"coding": [{"system": sct, "code": "51185008", "display": "Chest"}], "text": "Chest"},
    }
    spiral = {
        "coding": [{"system": sct, "code": "116152004", "display": "Spiral Acquisition"}],
        "text": "Spiral Acquisition",
    }
    phantom = {
        "coding": [{"system": dcm, "code": "113691", "display": "IEC Body Dosimetry Phantom"}],
        "text": "IEC Body Dosimetry Phantom",
    }
    assert said(first) == [
        ("Acquisition Protocol", "Thorax"),
        ("CT Acquisition Type", spiral),
        ("Mean CTDIvol", quantity(5.25, "mGy")),
        ("DLP", quantity(203.12, "mGy.cm")),
    ]
    assert said(second) == [*said(first), ("CTDIw Phantom Type", phantom)]


def plane(name: str, value: str, *more: Any) -> tuple[Any, ...]:
    return (
        code(DCM.AcquisitionPlane, name),
        num("DCM|113722|Dose Area Product Total", value, "Gy.m2"),
        num("DCM|113725|Dose (RP) Total", None, "Gy"),
        *more,
    )


def test_values_of_one_plane_or_side_say_so() -> None:
    event = (
        uid(DCM.IrradiationEventUID, "1.2.3.9.100.1"),
        code(DCM.TargetRegion, "SCT|76752008|Breast", code(LATERALITY, "SCT|7771000|Left")),
    )
    made = mapped(
        report(
            container(DCM.AccumulatedXRayDoseData, *plane("DCM|113620|Plane A", "0.002")),
            container(
                DCM.AccumulatedXRayDoseData,
                *plane("DCM|113622|Single Plane", "3E-3"),
                num(
                    "DCM|111637|Accumulated Average Glandular Dose", "1.5", "mGy", code(LATERALITY, "SCT|7771000|Left")
                ),
            ),
            container(
                DCM.IrradiationEventXRayData,
                *event,
                moment("DCM|111526|DateTime Started", "20260102031500-0500"),
                *plane("DCM|113620|Plane A", "1"),
                num("DCM|122130|Dose Area Product", "0.001", "Gy.m2"),
            ),
            container(
                DCM.IrradiationEventXRayData,
                *event,
                moment("DCM|111526|DateTime Started", "20260102031400-0500"),
                code(DCM.AcquisitionPlane, "DCM|113621|Plane B"),
                num("DCM|122130|Dose Area Product", "0.004", "Gy.m2"),
            ),
        )
    )
    assert [said(each) for each in made] == [
        [
            ("Dose Area Product Total, Plane A", quantity(0.002, "Gy.m2")),
            ("Dose Area Product Total", quantity(0.003, "Gy.m2")),
            ("Accumulated Average Glandular Dose, Left", quantity(1.5, "mGy")),
        ],
        [("Dose Area Product, Plane A", quantity(0.001, "Gy.m2"))],
        [("Dose Area Product, Plane B", quantity(0.004, "Gy.m2"))],
    ]
    assert [each["effectiveDateTime"] for each in made] == [
        "2026-01-02T03:14:00-05:00",
        "2026-01-02T03:15:00-05:00",
        "2026-01-02T03:14:00-05:00",
    ]
    assert made[1]["bodySite"]["text"] == "Breast, Left"
    assert [each["id"] for each in made[1:]] == [
        observation_id(KEY, "event", "1.2.3.9.100.1"),
        observation_id(KEY, "event", "1.2.3.9.100.1", "2"),
    ]


def test_a_radiopharmaceutical_report_becomes_one_observation() -> None:
    (made,) = mapped(
        report(
            container(
                "DCM|113502|Radiopharmaceutical Administration",
                code(
                    "SRT|C-B02C9|Radiopharmaceutical agent",
                    "SRT|C-B1031|Fluorodeoxyglucose F^18^",
                    code("SRT|C-10072|Radionuclide", "SRT|C-111A1|^18^Fluorine"),
                ),
                moment("DCM|123003|Radiopharmaceutical Start DateTime", "20260102"),
                num("DCM|113507|Administered activity", "154", "MBq"),
                num("DCM|123005|Radiopharmaceutical Volume", "2.5", "99ml", scheme="99ACME"),
                code("SRT|G-C340|Route of administration", "SRT|G-D101|Intravenous route"),
            ),
            root="DCM|113500|Radiopharmaceutical Radiation Dose Report",
            CompletionFlag="PARTIAL",
        )
    )
    assert (made["status"], made["effectiveDateTime"]) == ("preliminary", "2026-01-02")
    assert [(name, value) for name, value in said(made) if "value" in value] == [
        ("Administered activity", quantity(154, "MBq")),
        ("Radiopharmaceutical Volume", {"value": 2.5, "unit": "the unit"}),
    ]
    assert [name for name, value in said(made) if "coding" in value] == [
        "Radiopharmaceutical agent",
        "Radionuclide",
        "Route of administration",
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        report(*CT, root="DCM|121181|DICOM Object Catalog"),
        report(CT[0]),
        report(ct_event(1), ContentSequence=[]),
        {**report(*CT), "0040A730": BROKEN},
        {**report(*CT), "0040A043": BROKEN},
        {},
    ],
    ids=["no dose report", "no dose", "empty", "broken content", "broken title", "nothing"],
)
def test_what_says_nothing_of_a_dose_becomes_nothing(metadata: DicomJson) -> None:
    assert mapped(metadata) == []


def test_a_unit_that_only_claims_to_be_ucum_is_a_word() -> None:
    (made,) = mapped(report(*CT[:2], container("DCM|113811|CT Accumulated Dose Data", num(DLP_TOTAL, "406", "mGy cm"))))
    assert ("CT Dose Length Product Total", {"value": 406, "unit": "the unit"}) in said(made)


@pytest.mark.parametrize(
    ("told", "earliest"),
    [
        (["20260102033000+0100", "20260102031400-0500"], "2026-01-02T03:30:00+01:00"),
        (["20260102031500.5-0500", "20260102031500-0500"], "2026-01-02T03:15:00-05:00"),
        (["20260102", "20260102031500-0500"], "2026-01-02T03:15:00-05:00"),
        (["20260103", "20260102"], "2026-01-02"),
    ],
)
def test_irradiation_began_with_the_earliest_event_as_time_goes(told: list[str], earliest: str) -> None:
    events = [
        container(
            DCM.IrradiationEventXRayData,
            uid(DCM.IrradiationEventUID, f"1.2.3.9.100.{number}"),
            moment("DCM|111526|DateTime Started", value),
            num("DCM|122130|Dose Area Product", "1", "Gy.m2"),
        )
        for number, value in enumerate(told)
    ]
    total = container(DCM.AccumulatedXRayDoseData, num("DCM|113722|Dose Area Product Total", "2", "Gy.m2"))
    assert mapped(report(total, *events))[0]["effectiveDateTime"] == earliest


def test_an_event_without_its_uid_has_no_observation_of_its_own() -> None:
    event = ct_event(1)
    event.ContentSequence = [each for each in event.ContentSequence if each.ValueType != "UIDREF"]
    assert [each["code"]["coding"][0]["code"] for each in mapped(report(*CT[:5], event))] == ["73569-6"]


def test_a_dose_report_is_known_by_what_is_indexed_of_it() -> None:
    assert is_dose_report(indexed(report(*CT)))
    assert not is_dose_report(indexed(report(*CT, root="DCM|121181|DICOM Object Catalog")))
    assert not is_dose_report({})
