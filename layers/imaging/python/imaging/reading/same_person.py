"""Whether what somebody says of a patient contradicts what a study says: two readings of one person need not agree."""

import re
import unicodedata
from collections.abc import Iterator

from imaging.dicom.attributes import Attributes, text
from imaging.dicom.comparable_text import comparable
from imaging.fhir.primitives import partial_date
from imaging.reading.matcher import reader_of
from imaging.reading.person_name import groups_of
from imaging.reading.query_keys import PATIENT_NAME

_PATIENT_BIRTH_DATE = "00100030"
_NAME_COMPONENTS = 3  # family, given and middle name; prefix and suffix follow, PS3.5 Section 6.2.1.1
_SEPARATORS = re.compile(r"[\s,.;+]+")
_WITHIN_WORDS = re.compile("['`\u2018\u2019\u02bc\u2010-]+")  # O'Neil and ONeil, Anne-Marie and Annemarie
_UMLAUTS = re.compile("([aou])e")  # Mueller, whom an umlaut makes comparable to Muller
# What the names of many people have in common.
_PARTICLES = frozenset(
    (
        *("al", "bin", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "ibn", "la", "le", "ten"),
        *("ter", "van", "vom", "von", "zu", "zum", "zur"),
    )
)
_TITLES = frozenset(("dr", "prof", "mr", "mrs", "ms", "miss", "herr", "frau", "jr", "sr", "ii", "iii", "md", "phd"))


def is_other_birth_date(stated: str, attributes: Attributes) -> bool:
    """Whether a date, YYYY-MM-DD or its beginning, cannot be the study's PatientBirthDate, as far as both go."""
    known = partial_date(text(attributes, _PATIENT_BIRTH_DATE)) or ""
    length = min(len(stated), len(known))
    return stated[:length] != known[:length]


def is_other_name(stated: str, attributes: Attributes) -> bool:
    """Whether a name has not a word in common with the study's PatientName, without regard to case and accents.

    Names are spelled, ordered and changed in many ways, so one family or given
    name that both have is enough; an initial, a title or a particle is none.
    Only words of one script can be compared.
    """
    values = reader_of(attributes)(PATIENT_NAME.tag)
    known = {word for value in values for group in groups_of(value) for word in _words(group)}
    scripts = {_script(word) for word in known}
    asked = {word for group in stated.split("=") for word in _words(group) if _script(word) in scripts}
    return bool(asked) and not asked & known


def _script(word: str) -> str:
    """As Unicode names it: the name of a letter begins with it."""
    return unicodedata.name(word[0], "").partition(" ")[0]


def _words(group: str) -> Iterator[str]:
    """The names in a component group, and the parts of double ones, in letters that spellings have in common."""
    for component in group.split("^")[:_NAME_COMPONENTS]:
        words = [word for word in _SEPARATORS.split(comparable(component)) if word]
        for word in words:
            parts = [part for part in _WITHIN_WORDS.split(word) if part]
            for name in {"".join(parts), *parts}:
                if not _is_initial(name) and name not in _TITLES and (name not in _PARTICLES or words == [name]):
                    yield _UMLAUTS.sub(r"\1", name)


def _is_initial(word: str) -> bool:
    """Whether it is one letter of a script that has capitals; of others a letter may be a name."""
    return len(word) == 1 and (word.islower() or word.isupper())
