"""Observations of what a radiation dose report says: one of the whole, one of each irradiation event.

They are linked to each other by the report's UID and to the study, not among
themselves: each stands alone on the server.

References
----------
DICOM PS3.16 TID 10001, *Projection X-Ray Radiation Dose*; TID 10011, *CT
Radiation Dose*; TID 10021, *Radiopharmaceutical Radiation Dose*. HL7,
*Radiation Dose Summary for Diagnostic Procedures on FHIR*, 1.0.0.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.coding_schemes import DICOM, SNOMED_CT, CodingSchemes
from imaging.fhir.content_item import Concept, ContentItem
from imaging.fhir.dose_concepts import COUNTS, EVENTS, OF_AN_EVENT, OF_THE_WHOLE, REPORTS
from imaging.fhir.identity import observation_id
from imaging.fhir.primitives import Resource, present
from imaging.model.identifiers import InstanceKey
from imaging.model.links import Links

_TIMEZONE_OFFSET_FROM_UTC, _COMPLETION_FLAG, _PRELIMINARY_FLAG = "00080201", "0040A491", "0040A496"

_IRRADIATION_EVENT_UID = (DICOM, "113769")
_TARGET_REGION = (DICOM, "123014")
_ACQUISITION_PLANE = (DICOM, "113764")
_LATERALITY = (SNOMED_CT, "272741003")
_SINGLE_PLANE = "113622"
_START_OF_IRRADIATION = (DICOM, "113809")
_STARTED = frozenset({(DICOM, "111526"), (DICOM, "123003")})  # DateTime Started, Radiopharmaceutical Start DateTime
_MANUFACTURER, _MODEL_NAME = (DICOM, "121014"), (DICOM, "121015")

_SUMMARY = {
    "coding": [
        {
            "system": "http://loinc.org",
            "code": "73569-6",
            "display": "Radiation exposure and protection information [Description] Document Diagnostic imaging",
        }
    ]
}
_IRRADIATION_EVENT = {"coding": [{"system": DICOM, "code": "113852", "display": "Irradiation Event"}]}
_IMAGING = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}],
}
_UID_TYPES = "http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type"


def is_dose_report(attributes: Attributes) -> bool:
    """Whether an instance is one, by its metadata or by its indexed attributes."""
    return ContentItem(attributes, CodingSchemes()).concept in REPORTS


def dose_observations(
    metadata: Attributes, *, key: InstanceKey, study: Resource, subject: Resource, links: Links
) -> list[Resource]:
    """Map a radiation dose report; empty if the instance is none, or says nothing of a dose.

    Parameters
    ----------
    metadata
        Of the SR instance that `key` names.
    study, subject
        References to the ImagingStudy and the Patient.
    """
    report = ContentItem(metadata, CodingSchemes(metadata))
    if report.concept not in REPORTS:
        return []
    offset = text(metadata, _TIMEZONE_OFFSET_FROM_UTC)
    common = {
        "resourceType": "Observation",
        "meta": {"source": links.space(key.space)},
        "partOf": [study],
        "status": _status(metadata),
        "category": [_IMAGING],
        "subject": subject,
        "focus": [study],
        "device": _device(report),
    }
    of_report = _identifier("sop-instance-uid", "SOP Instance UID", key.sop_instance_uid)
    summary = present(
        **common,
        id=observation_id(key, "summary"),
        identifier=[of_report],
        code=_SUMMARY,
        effectiveDateTime=_started(report, offset),
        component=_components(report, OF_THE_WHOLE),
    )
    events = [
        present(
            **common,
            id=observation_id(key, "event", uid, *nth),
            identifier=[_identifier("irradiation-event-uid", "Irradiation Event UID", uid), of_report],
            code=_IRRADIATION_EVENT,
            effectiveDateTime=_started(event, offset),
            bodySite=_target_region(event),
            component=_components(event, OF_AN_EVENT),
        )
        for event, uid, nth in _events(report)
    ]
    return [each for each in (summary, *events) if _tells_a_dose(each)]


def _status(metadata: Attributes) -> str:
    """Completion Flag (0040,A491) and Preliminary Flag (0040,A496), PS3.3 Section C.17.2."""
    is_final = text(metadata, _COMPLETION_FLAG) == "COMPLETE" and text(metadata, _PRELIMINARY_FLAG) != "PRELIMINARY"
    return "final" if is_final else "preliminary"


def _device(report: ContentItem) -> Resource | None:
    """The irradiating device, as text: TID 1004, *Device Observer Identifying Attributes*."""
    named = (report.child(_MANUFACTURER), report.child(_MODEL_NAME))
    display = " ".join(item.text for item in named if item and item.text)
    return {"display": display} if display else None


def _identifier(kind: str, display: str, uid: str) -> Resource:
    return {
        "type": {"coding": [{"system": _UID_TYPES, "code": kind, "display": display}]},
        "system": "urn:dicom:uid",
        "value": f"urn:oid:{uid}",
    }


def _events(report: ContentItem) -> Iterator[tuple[ContentItem, str, list[str]]]:
    """The events that can be named, with their UIDs; the same one again, as one plane of two, with its number."""
    seen: Counter[str] = Counter()
    for item, _ in report.below():
        if item.concept in EVENTS and (named := item.child(_IRRADIATION_EVENT_UID)) and named.uid:
            seen[named.uid] += 1
            yield item, named.uid, [str(seen[named.uid])] if seen[named.uid] > 1 else []


def _started(scope: ContentItem, timezone_offset_from_utc: str) -> str | None:
    """When irradiation began: as the report says, else when its earliest event did, a moment rather than a day."""
    start = scope.child(_START_OF_IRRADIATION)
    if start:
        return start.date_time(timezone_offset_from_utc)
    told = [item.date_time(timezone_offset_from_utc) for item, _ in scope.below() if item.concept in _STARTED]
    days = [each for each in told if each and "T" not in each]
    moments = [each for each in told if each and "T" in each]
    return min(moments, key=datetime.fromisoformat, default=None) or min(days, default=None)


def _target_region(event: ContentItem) -> Resource | None:
    region = event.child(_TARGET_REGION)
    site = region.code if region else None
    side = _meaning(region.child(_LATERALITY)) if region else ""
    return {**site, "text": ", ".join(filter(None, (_text(site), side)))} if site and side else site


def _components(scope: ContentItem, concepts: Mapping[Concept, str]) -> list[Resource]:
    """What is measured or coded; a value that stands for one plane or side alone says so in its text."""
    components = []
    for item, parent in scope.below(without=EVENTS):
        name = concepts.get(item.concept)
        value = _value(item) if name else {}
        if value:
            system, code = item.concept
            coding = {"system": system, "code": code, "display": name}
            part = ", ".join(filter(None, (name, _plane(parent), _meaning(item.child(_LATERALITY)))))
            components.append({"code": {"coding": [coding], **({"text": part} if part != name else {})}, **value})
    return components


def _value(item: ContentItem) -> Resource:
    if item.value_type == "NUM":
        if item.concept in COUNTS and isinstance(item.number, int):
            return {"valueInteger": item.number}
        return present(valueQuantity=item.quantity)
    if item.value_type == "CODE":
        return present(valueCodeableConcept=item.code)
    return present(valueString=item.text)


def _plane(parent: ContentItem) -> str:
    plane = parent.child(_ACQUISITION_PLANE)
    codings = (plane.code or {}).get("coding", []) if plane else []
    return "" if any(each["code"] == _SINGLE_PLANE for each in codings) else _meaning(plane)


def _meaning(item: ContentItem | None) -> str:
    return _text(item.code) if item else ""


def _text(concept: Resource | None) -> str:
    """A CodeableConcept in words."""
    if not concept:
        return ""
    return str(concept.get("text") or next((each["display"] for each in concept["coding"] if "display" in each), ""))


def _tells_a_dose(observation: Resource) -> bool:
    values = ("valueQuantity", "valueInteger")
    return any(value in component for component in observation.get("component", []) for value in values)
