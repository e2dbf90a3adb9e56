"""What ``GET /arrivals`` is asked for, and the cursor of its pages."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from imaging.dicom.uid import check_uid
from imaging.errors import Rejected, RejectReason
from imaging.ports.arrivals import ArrivalPlace
from imaging.reading.read_arrivals import ArrivalsQuery
from imaging.reading.search_cursor import foreign_cursor
from imaging.settings import Space, space_named

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MAX_TEXT_CHARACTERS = 200

PARAMETERS = ("space", "modality", "from", "to", "text", "limit", "after")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z")
_BETWEEN_WORDS = re.compile(r"[\s,^=]+")  # of a name as DICOM has it, and as a person writes it


def parse_arrivals_query(parameters: Sequence[tuple[str, str]], spaces: Mapping[str, Space]) -> ArrivalsQuery:
    """Read the parameters; nothing given asks for the newest of all spaces.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST`, or `NO_SUCH_SPACE`.
    """
    asked = _asked(parameters)
    first, last = _day("from", asked.get("from", "")), _day("to", asked.get("to", ""))
    if first and last and first > last:
        raise _malformed("The parameter from must not be after the parameter to.")
    text = asked.get("text", "")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise _malformed(f"The text must have {MAX_TEXT_CHARACTERS} characters or fewer.")
    return ArrivalsQuery(
        spaces=_spaces(parameters, spaces),
        limit=_limit(asked.get("limit", "")),
        after=_place(asked.get("after", ""), spaces),
        modality=asked.get("modality", "").strip().upper(),
        first=first,
        last=last,
        words=tuple(word for word in _BETWEEN_WORDS.split(text) if word),
    )


def cursor_of(place: ArrivalPlace) -> str:
    """The place as text, without characters that an address would have to escape."""
    moment = place.opened_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return "~".join((moment, place.study_instance_uid, place.space))


def _place(cursor: str, spaces: Mapping[str, Space]) -> ArrivalPlace | None:
    if not cursor:
        return None
    try:
        moment, study_instance_uid, space = cursor.split("~")
        if not _MOMENT.fullmatch(moment) or space not in spaces:
            raise ValueError
        check_uid("a UID of the cursor", study_instance_uid)
        return ArrivalPlace(datetime.fromisoformat(moment), study_instance_uid, space)
    except (ValueError, Rejected) as broken:
        raise foreign_cursor() from broken


def _asked(parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each by its name, but for the spaces, of which there may be several; an empty one is as good as none."""
    asked: dict[str, str] = {}
    for name, text in parameters:
        if name in ("accept", "space"):  # PS3.18 8.3.3.1
            continue
        if name not in PARAMETERS:
            raise _malformed(f"The arrivals have no such parameter; they take {', '.join(PARAMETERS)}.")
        if name in asked:
            raise _malformed(f"The parameter {name} is given twice; give it once.")
        asked[name] = text
    return asked


def _spaces(parameters: Sequence[tuple[str, str]], spaces: Mapping[str, Space]) -> tuple[str, ...]:
    named = [space_named(spaces, text).name for name, text in parameters if name == "space" and text]
    return tuple(dict.fromkeys(named or spaces))


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError as broken:
        raise _malformed(f"The parameter {name} must be a day, such as 2026-11-22.") from broken


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not re.fullmatch("[0-9]{1,7}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise _malformed(f"The limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, sentence)
