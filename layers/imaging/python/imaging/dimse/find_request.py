"""What a C-FIND asks: the criteria to match and the attributes to return; PS3.4 Sections C.2.2, C.4.1 and C.6."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydicom.valuerep import VR

from imaging.dimse.extended_negotiation import QueryOptions
from imaging.dimse.find_keys import FindKeys, ResolvedKey, Returned, reserves_block
from imaging.dimse.find_values import as_meant
from imaging.dimse.identifier import QUERY_RETRIEVE_LEVEL, Identifier, WrongKey
from imaging.dimse.sop_classes import PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from imaging.errors import Rejected
from imaging.model.instance import DicomJson
from imaging.ports.catalogue import QueryTags
from imaging.reading.criteria import Asked, criteria_from
from imaging.reading.match_attributes import element
from imaging.reading.matching import ExtendedMatching, Matcher
from imaging.reading.moment import zone_minutes
from imaging.reading.query_keys import MODALITIES_IN_STUDY, TIMEZONE_OFFSET_FROM_UTC, Level, key_of
from imaging.reading.search_patients import PATIENT_COUNTS

PATIENT = "PATIENT"

_LEVELS = {PATIENT: Level.STUDY, "STUDY": Level.STUDY, "SERIES": Level.SERIES, "IMAGE": Level.INSTANCE}
_LEVELS_OF_MODEL = {PATIENT_ROOT_FIND: tuple(_LEVELS), STUDY_ROOT_FIND: ("STUDY", "SERIES", "IMAGE")}


@dataclass(frozen=True)
class FindRequest:
    """A C-FIND request, understood.

    Attributes
    ----------
    level_name
        Query/Retrieve Level (0008,0052).
    level
        At which rows are searched: patients are found by their studies.
    returned
        By rising tag.
    is_served_in_part
        Some key is not matched, or not known.
    private_creators
        As the request names them, in DICOM JSON: its blocks are those of the responses.
    tag_levels
        The levels of the extended query tags.
    """

    level_name: str
    level: Level
    criteria: Mapping[str, Matcher]
    returned: tuple[Returned, ...]
    is_served_in_part: bool
    private_creators: DicomJson = field(default_factory=dict)
    tag_levels: Mapping[str, Level] = field(default_factory=dict)

    @property
    def is_for_patients(self) -> bool:
        """Whether matches are patients."""
        return self.level_name == PATIENT

    @property
    def counts_patients(self) -> bool:
        """Whether any of what is returned counts what there is of the patient."""
        return any(each.source in PATIENT_COUNTS for each in self.returned)


def find_request(
    identifier: Identifier, sop_class_uid: str, query_tags: QueryTags, options: QueryOptions
) -> FindRequest:
    """Read a request; keys of all levels down to its own are taken, whether or not relational queries were negotiated.

    Raises
    ------
    WrongKey
        For the level, or for a value that cannot be read.
    """
    level_name = _level_name(identifier, sop_class_uid)
    level = _LEVELS[level_name]
    keys = FindKeys(level, query_tags, is_for_patients=level_name == PATIENT)
    resolved = keys.resolve(identifier)
    extended = ExtendedMatching(
        is_fuzzy=options.fuzzy,
        empty_values=options.empty_values,
        multiple_values=options.multiple_values,
        zone=_zone(identifier) if options.timezone else None,
        combines_date_times=options.combined_date_time,
    )
    return FindRequest(
        level_name,
        level,
        _criteria(_asked(resolved), extended),
        tuple(each.returned for each in resolved),
        not all(each.is_served for each in resolved),
        {key.tag: element("LO", key.value) for key in identifier.keys if reserves_block(key.tag)},
        {tag.tag: key_of(tag).level for tag in query_tags.ready},
    )


def _level_name(identifier: Identifier, sop_class_uid: str) -> str:
    level_name = as_meant(identifier.value(QUERY_RETRIEVE_LEVEL), VR.CS)
    if level_name not in _LEVELS_OF_MODEL[sop_class_uid]:
        raise WrongKey(
            QUERY_RETRIEVE_LEVEL, f"QueryRetrieveLevel is one of {', '.join(_LEVELS_OF_MODEL[sop_class_uid])} here."
        )
    return level_name


def _zone(identifier: Identifier) -> int | None:
    value = identifier.value(TIMEZONE_OFFSET_FROM_UTC)
    zone = zone_minutes(value) if value else None
    if value and zone is None:
        raise WrongKey(TIMEZONE_OFFSET_FROM_UTC, "TimezoneOffsetFromUTC is -HHMM or +HHMM.")
    return zone


def _asked(resolved: Sequence[ResolvedKey]) -> list[Asked]:
    """What is asked of each attribute once: who names Modalities in Study does not mean it by Modality."""
    by_name = {each.returned.tag for each in resolved if each.asked}
    return [
        one
        for each in resolved
        for one in each.asked
        if each.returned.tag == MODALITIES_IN_STUDY.tag
        or one.path[0] != MODALITIES_IN_STUDY
        or MODALITIES_IN_STUDY.tag not in by_name
    ]


def _criteria(asked: Sequence[Asked], extended: ExtendedMatching) -> dict[str, Matcher]:
    try:
        return criteria_from(asked, extended)
    except Rejected as rejected:
        wrong = next((one for one in asked if _is_wrong(one, extended)), None)
        if wrong is None:
            raise
        raise WrongKey(wrong.path[0].tag, str(rejected)) from rejected


def _is_wrong(asked: Asked, extended: ExtendedMatching) -> bool:
    try:
        criteria_from([asked], extended)
    except Rejected:
        return True
    return False
