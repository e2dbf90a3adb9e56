"""The keys of a C-FIND: which are matched, which are returned, and from where; PS3.4 Section C.2.2.1."""

from dataclasses import dataclass

from pydicom.valuerep import VR

from imaging.dimse.find_values import as_meant
from imaging.dimse.identifier import QUERY_RETRIEVE_LEVEL, Identifier, Key, WrongKey
from imaging.ports.catalogue import QueryTags
from imaging.reading.criteria import Asked
from imaging.reading.match_attributes import COMPUTED, INSTANCE_AVAILABILITY
from imaging.reading.query_keys import (
    MODALITIES_IN_STUDY,
    MODALITY,
    TIMEZONE_OFFSET_FROM_UTC,
    Level,
    MatchKey,
    in_first_block,
    is_private,
    key_within,
    match_keys,
)
from imaging.reading.search_patients import PATIENT_ATTRIBUTES, PATIENT_COUNTS

SPECIFIC_CHARACTER_SET = "00080005"
RETRIEVE_AE_TITLE = "00080054"

_NO_KEYS = {  # PS3.4 C.4.1.1.3: how to read the Identifier, and where to have what it describes
    SPECIFIC_CHARACTER_SET,
    QUERY_RETRIEVE_LEVEL,
    "00080053",  # Query/Retrieve View
    RETRIEVE_AE_TITLE,
    INSTANCE_AVAILABILITY,
    TIMEZONE_OFFSET_FROM_UTC,
    "00880130",  # Storage Media File-Set ID
    "00880140",  # Storage Media File-Set UID
}


@dataclass(frozen=True)
class Returned:
    """An attribute that each response has, empty where nothing is known.

    Attributes
    ----------
    tag
        As the request has it.
    source
        The attribute of the match that it is taken from; "" if none is.
    within
        What of the items of a sequence; none: all there is.
    """

    tag: str
    vr: str
    source: str
    within: tuple["Returned", ...] = ()


@dataclass(frozen=True)
class ResolvedKey:
    """A key of a request.

    Attributes
    ----------
    asked
        What of it is matched.
    is_served
        It exists, and all that is asked of it is matched.
    """

    returned: Returned
    asked: tuple[Asked, ...] = ()
    is_served: bool = True


def reserves_block(tag: str) -> bool:
    """Whether the attribute names a private creator, PS3.5 Section 7.8.1."""
    return is_private(tag) and tag[4:6] == "00"


class FindKeys:
    """Resolves the keys of a request at one level: what is not indexed, or of a lower level, is not matched.

    Parameters
    ----------
    is_for_patients
        Of the attributes of studies, only those of their patients count.
    """

    def __init__(self, level: Level, query_tags: QueryTags, *, is_for_patients: bool) -> None:
        self._is_for_studies = level is Level.STUDY and not is_for_patients
        self._known = {key.tag: key for key in match_keys(level, query_tags.ready)}
        self._made = {tag for tag, of_level in COMPUTED.items() if of_level <= level}
        if level is Level.STUDY:
            self._made |= set(PATIENT_COUNTS)
        if is_for_patients:
            self._known = {tag: key for tag, key in self._known.items() if tag in PATIENT_ATTRIBUTES}
            self._made = set(PATIENT_COUNTS)

    def resolve(self, identifier: Identifier) -> list[ResolvedKey]:
        """What becomes of each key, by rising tag.

        Raises
        ------
        WrongKey
            For a sequence of several items.
        """
        return [self._resolved(key) for key in identifier.keys if key.tag not in _NO_KEYS]

    def _resolved(self, key: Key) -> ResolvedKey:
        if reserves_block(key.tag):
            return ResolvedKey(Returned(key.tag, VR.LO.value, key.tag))
        if self._is_for_studies and key.tag == MODALITY.tag:  # as many ask it; returned is what was matched
            returned = Returned(key.tag, key.vr, MODALITIES_IN_STUDY.tag)
            return ResolvedKey(returned, _asked((MODALITIES_IN_STUDY,), key), is_served=False)
        known = self._matched(key)
        if known:
            return _along((known,), key, source=known.tag)
        is_made = key.tag in self._made
        is_served = is_made and not as_meant(key.value, key.vr)
        return ResolvedKey(Returned(key.tag, key.vr, key.tag if is_made else ""), is_served=is_served)

    def _matched(self, key: Key) -> MatchKey | None:
        """A private attribute is known by its creator, or in the block in which it is indexed."""
        if not is_private(key.tag):
            return self._known.get(key.tag)
        known = self._known.get(in_first_block(key.tag))
        if known and key.private_creator in (known.private_creator, "" if key.tag == known.tag else None):
            return known
        return None


def _along(path: tuple[MatchKey, ...], key: Key, *, source: str) -> ResolvedKey:
    """A key at the end of the path, and what it asks of its items."""
    vr = path[-1].vr if key.vr == VR.UN else key.vr
    if key.vr != VR.SQ:
        return ResolvedKey(Returned(key.tag, vr, source), _asked(path, key))
    if len(key.items) > 1:
        raise WrongKey(key.tag, f"{path[-1].keyword} is asked with one item, not with several.")
    within = [_within(path, inner) for item in key.items for inner in item if inner.tag != SPECIFIC_CHARACTER_SET]
    return ResolvedKey(
        Returned(key.tag, vr, source, tuple(each.returned for each in within)),
        tuple(asked for each in within for asked in each.asked),
        all(each.is_served for each in within),
    )


def _within(path: tuple[MatchKey, ...], key: Key) -> ResolvedKey:
    known = key_within(key.tag, path[-1].level)
    if known is None:
        is_served = not as_meant(key.value, key.vr) and not key.items
        return ResolvedKey(Returned(key.tag, key.vr, key.tag), is_served=is_served)
    return _along((*path, known), key, source=key.tag)


def _asked(path: tuple[MatchKey, ...], key: Key) -> tuple[Asked, ...]:
    value = as_meant(key.value, path[-1].vr)
    return (Asked(path, value),) if value else ()
