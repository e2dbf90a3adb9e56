"""SOP Class Extended Negotiation of the Query/Retrieve classes; PS3.7 Section D.3.3.5, PS3.4 Section C.5."""

from collections.abc import Mapping
from dataclasses import dataclass

from imaging.dimse.peers import Service
from imaging.dimse.sop_classes import SERVICE_OF_SOP_CLASS


@dataclass(frozen=True)
class QueryOptions:
    """What a peer has asked for beyond the plain rules of a class, and been promised.

    Attributes
    ----------
    relational
        Keys need not follow the hierarchy of levels, PS3.4 C.4.1.2.2 and
        C.4.2.2.2.
    combined_date_time
        A date and its time are one moment in a range, PS3.4 C.2.2.2.5.
    fuzzy
        Fuzzy Semantic Matching of person names, PS3.4 C.2.2.2.1.
    timezone
        Dates and times are in the zone that the query says.
    empty_values
        ``""`` matches what is empty, PS3.4 C.2.2.2.
    multiple_values
        Of several values of a key, all must be there, PS3.4 C.2.2.2.
    """

    relational: bool = False
    combined_date_time: bool = False
    fuzzy: bool = False
    timezone: bool = False
    empty_values: bool = False
    multiple_values: bool = False


# Byte by byte, PS3.4 Tables C.5-2, C.5-4 and C.5-6; "" is the view of Enhanced Multi-Frame objects as others.
_RETRIEVE_FIELDS = ("relational", "")
FIELDS_OF_SERVICE: Mapping[Service, tuple[str, ...]] = {
    Service.FIND: ("relational", "combined_date_time", "fuzzy", "timezone", "", "empty_values", "multiple_values"),
    Service.MOVE: _RETRIEVE_FIELDS,
    Service.GET: _RETRIEVE_FIELDS,
}


def answer_to_options(sop_class_uid: str, asked: bytes) -> bytes:
    """Return what of the options asked for is promised: byte for byte 1 or 0; nothing for other classes."""
    fields = _fields(sop_class_uid)
    return bytes(bool(field) and value == 1 for field, value in zip(fields, asked, strict=False))


def query_options(sop_class_uid: str, promised: bytes) -> QueryOptions:
    """Read what was promised; bytes that are absent say no."""
    fields = _fields(sop_class_uid)
    return QueryOptions(**{field: value == 1 for field, value in zip(fields, promised, strict=False) if field})


def _fields(sop_class_uid: str) -> tuple[str, ...]:
    service = SERVICE_OF_SOP_CLASS.get(sop_class_uid)
    return FIELDS_OF_SERVICE.get(service, ()) if service else ()
