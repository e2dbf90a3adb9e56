"""The parameters of Invoke Image Display: IHE RAD TF-2, Section 4.106.4.1.2."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from imaging.dicom.uid import check_uid
from imaging.dicomweb.hl7_cx import UNIVERSAL_ID_TYPES, parse_cx
from imaging.dicomweb.xml_date_time import moment_span
from imaging.errors import Rejected, RejectReason
from imaging.fhir.primitives import partial_date
from imaging.reading.displayed_studies import MAX_STUDIES, Asked, PatientAsked, StudiesAsked

PATIENT, STUDY = "PATIENT", "STUDY"

OF_PATIENT = (
    *("patientID", "patientName", "patientBirthDate", "lowerDateTime", "upperDateTime"),
    *("mostRecentResults", "modalitiesInStudy"),
)
OF_STUDY = ("studyUID", "accessionNumber")
OF_BOTH = ("requestType", "viewerType", "diagnosticQuality", "keyImagesOnly")
SPACE = "space"
"""Ours: which storage space shows the studies."""

_OF_TYPE = {PATIENT: OF_PATIENT, STUDY: OF_STUDY}
_MAX_ACCESSION_NUMBER = 64  # characters; PS3.5 allows 16
_NUMBER = re.compile("[0-9]{1,6}")
_CODE = re.compile("[A-Z0-9_ ]{1,16}")
_TRUE, _FALSE = ("true", "false")
_PATIENT_ID = (
    "the number and who assigned it as HL7 writes them, ID^^^NAME, ID^^^&1.2.3&ISO, ID^^^&urn:…&URI or ID, "
    "where & is written as %26"
)

Read = TypeVar("Read")


@dataclass(frozen=True)
class DisplayRequest:
    """What somebody wants to see.

    Attributes
    ----------
    space
        The one that shall show it; "" for whichever has it.
    """

    asked: Asked
    key_images_only: bool
    space: str


def parse_display_request(parameters: Sequence[tuple[str, str]]) -> DisplayRequest:
    """Read the query of a request.

    Names are taken as the profile writes them, and what it does not name is
    ignored. An empty parameter says nothing, as if it were left out.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`; messages name parameters and never a value.
    """
    named = _named(parameters)
    request_type = named.get("requestType", "").upper()
    if request_type not in _OF_TYPE:
        raise _malformed("requestType is STUDY or PATIENT; give one of them")
    other = [name for kind, names in _OF_TYPE.items() if kind != request_type for name in names if name in named]
    if other:
        raise _malformed(f"With requestType={request_type} there is no {' and no '.join(other)}; leave that out")
    if request_type == PATIENT and any(_is_cut_off(*given) for given in parameters):
        raise _malformed(f"patientID ends at an & that is not encoded; it is {_PATIENT_ID}")
    _flag(named, "diagnosticQuality")  # the viewer draws what is stored, so that either is met
    asked = _patient(named) if request_type == PATIENT else _studies(named)
    return DisplayRequest(asked, _flag(named, "keyImagesOnly"), named.get(SPACE, ""))


def _named(parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, given in parameters:
        value = given.strip()
        if name not in (*OF_BOTH, *OF_PATIENT, *OF_STUDY, SPACE) or not value:
            continue
        if named.setdefault(name, value) != value:
            raise _malformed(f"{name} is given twice; several values of one parameter stand with commas between")
    return named


def _is_cut_off(name: str, value: str) -> bool:
    """Whether a parameter is what a server makes of the end of ID^^^NAME&1.2.3&ISO if nobody encoded the "&"."""
    return not value and name.partition("^")[0].upper() in UNIVERSAL_ID_TYPES


def _studies(named: Mapping[str, str]) -> StudiesAsked:
    if sum(name in named for name in OF_STUDY) != 1:
        raise _malformed("With requestType=STUDY there is either studyUID or accessionNumber; give one of them")
    asked = StudiesAsked(
        _values(named, "studyUID", _is_uid, "UIDs with commas between"),
        _values(
            named,
            "accessionNumber",
            lambda number: len(number) <= _MAX_ACCESSION_NUMBER and number.isprintable(),
            "accession numbers with commas between",
        ),
    )
    if len(asked.study_instance_uids) + len(asked.accession_numbers) > MAX_STUDIES:
        raise _malformed(f"At most {MAX_STUDIES} studies are shown together; ask for fewer")
    return asked


def _patient(named: Mapping[str, str]) -> PatientAsked:
    patient_id = _read(named, "patientID", parse_cx, _PATIENT_ID)
    if patient_id is None:
        raise _malformed(f"With requestType=PATIENT there is a patientID, {_PATIENT_ID}")
    when = "a date and a time as 2026-01-31T12:00:00+01:00, or a date"
    asked = PatientAsked(
        patient_id,
        name=named.get("patientName", ""),
        birth_date=_read(named, "patientBirthDate", _birth_date, "a date as 1970-01-31") or "",
        since=_read(named, "lowerDateTime", moment_span, when),
        until=_read(named, "upperDateTime", moment_span, when),
        modalities=frozenset(
            code.upper() for code in _values(named, "modalitiesInStudy", _is_code, "codes with commas between: CT,MR")
        ),
        most_recent=_read(named, "mostRecentResults", _number, "how many studies, or 0 for all") or None,
    )
    if asked.since and asked.until and asked.until.last < asked.since.first and asked.since.zone == asked.until.zone:
        raise _malformed("upperDateTime lies before lowerDateTime; exchange them")
    return asked


def _read(named: Mapping[str, str], name: str, read: Callable[[str], Read | None], must: str) -> Read | None:
    if name not in named:
        return None
    found = read(named[name])
    if found is None:
        raise _malformed(f"{name} cannot be read; it is {must}")
    return found


def _values(named: Mapping[str, str], name: str, is_valid: Callable[[str], bool], must: str) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(value.strip() for value in named.get(name, "").split(",") if value.strip()))
    if (name in named and not values) or not all(map(is_valid, values)):
        raise _malformed(f"{name} cannot be read; it is one or more {must}")
    return values


def _flag(named: Mapping[str, str], name: str) -> bool:
    value = named.get(name, _FALSE).lower()
    if value not in (_TRUE, _FALSE):
        raise _malformed(f"{name} is true or false")
    return value == _TRUE


def _is_uid(value: str) -> bool:
    try:
        check_uid("studyUID", value)
    except Rejected:
        return False
    return True


def _is_code(value: str) -> bool:
    return bool(_CODE.fullmatch(value.upper()))


def _birth_date(value: str) -> str | None:
    """A date, or a date and a time of which the date counts."""
    day = re.split("[Tt]", value, maxsplit=1)[0]
    return partial_date(day.replace("-", ""))


def _number(value: str) -> int | None:
    return int(value) if _NUMBER.fullmatch(value) else None


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, f"{sentence}.")
