"""Whether what somebody says of a patient contradicts what a study says: two readings of one person need not agree."""

import re
import unicodedata

from imaging.dicom.attributes import Attributes, text
from imaging.dicom.comparable_text import comparable
from imaging.fhir.primitives import partial_date
from imaging.reading.matcher import reader_of
from imaging.reading.person_name import groups_of
from imaging.reading.query_keys import PATIENT_NAME

_PATIENT_BIRTH_DATE = "00100030"
_SEPARATORS = re.compile(r"[\s^=,.;'-]+")


def is_other_birth_date(stated: str, attributes: Attributes) -> bool:
    """Whether a date, YYYY-MM-DD or its beginning, cannot be the study's PatientBirthDate, as far as both go."""
    known = partial_date(text(attributes, _PATIENT_BIRTH_DATE)) or ""
    length = min(len(stated), len(known))
    return stated[:length] != known[:length]


def is_other_name(stated: str, attributes: Attributes) -> bool:
    """Whether a name has not a word in common with the study's PatientName, without regard to case and accents.

    Names are spelled, ordered and changed in many ways, so one word that both
    have is enough. Only words of one script can be compared.
    """
    values = reader_of(attributes)(PATIENT_NAME.tag)
    known = {word for value in values for group in groups_of(value) for word in _words(group)}
    scripts = {_script(word) for word in known}
    asked = {word for word in _words(stated) if _script(word) in scripts}
    return bool(asked) and not asked & known


def _script(word: str) -> str:
    """As Unicode names it: the name of a letter begins with it."""
    return unicodedata.name(word[0], "").partition(" ")[0]


def _words(name: str) -> set[str]:
    return {word for word in _SEPARATORS.split(comparable(name)) if word}
