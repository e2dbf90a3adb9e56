"""A study that came in, as ``GET /arrivals`` tells of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from imaging.dicom.attributes import text
from imaging.dicomweb.fhir_error_document import fhir_error_document
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.model.publication_state import PublicationStanding, PublicationState
from imaging.model.study import Study, StudyState
from imaging.reading.moment import date_span
from imaging.reading.person_name import groups_of
from imaging.reading.read_arrivals import ArrivedStudy

_STUDY_DATE, _ACCESSION_NUMBER, _STUDY_DESCRIPTION = "00080020", "00080050", "00081030"
_PATIENT_NAME, _PATIENT_ID, _PATIENT_BIRTH_DATE, _PATIENT_SEX = "00100010", "00100020", "00100030", "00100040"

STATES = {StudyState.OPEN: "arriving", StudyState.FINALIZING: "finalizing", StudyState.FINAL: "final"}


def arrival_document(arrived: ArrivedStudy, links: Links, *, has_viewer: bool, fhir_search: str) -> dict[str, Any]:
    """The entry; what is not known, or cannot be read as what it should be, is left out.

    Parameters
    ----------
    has_viewer
        Whether `Invoke Image Display` answers.
    fhir_search
        Base address of the FHIR server where a browser may search it; "" where it may not.
    """
    study, attributes = arrived.study, arrived.study.attributes
    return {
        "space": study.key.space,
        "study": study.key.study_instance_uid,
        **_present(
            patient=_present(
                name=listed_name(attributes),
                id=text(attributes, _PATIENT_ID),
                birth_date=_date(attributes, _PATIENT_BIRTH_DATE),
                sex=text(attributes, _PATIENT_SEX),
            ),
            accession_number=text(attributes, _ACCESSION_NUMBER),
            description=text(attributes, _STUDY_DESCRIPTION),
            study_date=_date(attributes, _STUDY_DATE),
        ),
        "modalities": list(study.modalities),
        "series": study.series,
        "instances": study.instances,
        "arrived_at": _moment(study.opened_at),
        "last_change_at": _moment(study.last_change_at),
        "state": STATES[study.state],
        **_present(due_at=_moment(arrived.due_at)),
        "revision": study.revision,
        "fhir": _fhir(study, arrived.standing),
        "links": _links(study.key, arrived.standing, links, has_viewer=has_viewer, fhir_search=fhir_search),
    }


def listed_name(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """The patient's name as a list has it: the family name first, PS3.5 Section 6.2.1.1.

    An alphabetic one with a comma behind it; an ideographic or a phonetic one
    as it is spoken, and only where there is no alphabetic one.
    """
    for value in (attributes.get(_PATIENT_NAME, {}).get("Value") or [])[:1]:
        for place, group in enumerate(groups_of(value)):
            family, given, middle, prefix, suffix = (group.split("^") + [""] * 5)[:5]
            if place:
                name = _words(family, given, middle)
            else:
                name = ", ".join(filter(None, (_words(family, suffix), _words(prefix, given, middle))))
            if name:
                return name
    return ""


def _fhir(study: Study, standing: PublicationStanding | None) -> dict[str, Any]:
    if standing is None:
        return {"state": PublicationState.NONE.value}
    publication = standing.publication
    return {
        "state": standing.state(study.revision).value,
        **_present(
            revision=publication.revision,
            published_at=_moment(publication.published_at),
            errors=list(map(fhir_error_document, standing.entries)),
        ),
    }


def _links(
    key: StudyKey, standing: PublicationStanding | None, links: Links, *, has_viewer: bool, fhir_search: str
) -> dict[str, str]:
    study = links.study(key)
    found = {
        "dicomweb": study,
        "revisions": f"{study}/revisions",
        "deliveries": links.deliveries(key),
        "thumbnail": f"{study}/thumbnail",
    }
    if has_viewer:
        query = urlencode({"requestType": "STUDY", "studyUID": key.study_instance_uid})
        found["display"] = f"{links.space(key.space)}/IHEInvokeImageDisplay?{query}"
    if fhir_search and standing and standing.publication.revision:
        identifier = quote(f"urn:dicom:uid|urn:oid:{key.study_instance_uid}", safe="")
        found["imaging_study"] = f"{fhir_search}/ImagingStudy?identifier={identifier}"
    return found


def _date(attributes: Mapping[str, Mapping[str, Any]], tag: str) -> str:
    written = text(attributes, tag).strip()
    return f"{written[:4]}-{written[4:6]}-{written[6:]}" if date_span(written) else ""


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(timespec="microseconds") if moment else ""


def _words(*parts: str) -> str:
    return " ".join(" ".join(parts).split())


def _present(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - anything JSON can say
    return {name: value for name, value in values.items() if value}
