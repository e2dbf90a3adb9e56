"""The attributes that a search request names, PS3.18 Section 8.3.4.1: by keyword or tag, in sequences by a path."""

import re
from collections.abc import Iterable, Mapping

from pydicom.datadict import tag_for_keyword

from imaging.errors import Rejected, RejectReason
from imaging.ports.catalogue import QueryTags
from imaging.reading.query_keys import (
    MODALITIES_IN_STUDY,
    MODALITY,
    Level,
    MatchKey,
    creator_tag,
    in_first_block,
    is_private,
    key_of,
    key_within,
    match_keys,
)

_TAG = re.compile(r"[0-9A-Fa-f]{8}\Z")
_PRIVATE_CREATOR = re.compile(r"[0-9A-F]{3}[13579BDF]00(1[0-9A-F]|[2-9A-F][0-9A-F])\Z")  # PS3.5 7.8.1
_MADE = {  # what a search returns and no row has
    "00080005",  # SpecificCharacterSet
    "00080056",  # InstanceAvailability
    "00080201",  # TimezoneOffsetFromUTC, which a query does not match
    "00081190",  # RetrieveURL
    "00083002",  # AvailableTransferSyntaxUID
    "00201206",  # NumberOfStudyRelatedSeries
    "00201208",  # NumberOfStudyRelatedInstances
    "00201209",  # NumberOfSeriesRelatedInstances
}
_MAX_DEPTH = 16


def is_private_creator(name: str) -> bool:
    """Whether a query parameter of that name reserves a block of private attributes."""
    return _PRIVATE_CREATOR.match(name.upper()) is not None


class AttributeNames:
    """Resolves names for a search at one level.

    Parameters
    ----------
    creators
        Which creator reserves which block, as the query says it: by the
        creator's tag, in capitals.
    """

    def __init__(self, level: Level, query_tags: QueryTags, creators: Mapping[str, str]) -> None:
        self._level = level
        self._creators = creators
        self._keys = match_keys(level, query_tags.ready)
        self._known = _by_name(match_keys(Level.INSTANCE, query_tags.ready))
        self._matched = _by_name(self._keys)
        self._pending = {key_of(tag): percent for tag, percent in query_tags.pending.items()}
        if level is Level.STUDY:  # Modality is no study attribute; who asks for it here means this one
            self._matched |= dict.fromkeys((MODALITY.keyword, MODALITY.tag), MODALITIES_IN_STUDY)

    def path(self, name: str) -> tuple[MatchKey, ...]:
        """The sequences down to the attribute, and itself.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST` if a search at this level cannot match it. The message
            names what it can match, and nothing of the request but attributes.
        """
        first, *inside = name.split(".")
        key = self._named(self._matched, first)
        if key is None:
            raise self._refusal(first)
        path = [key]
        for part in inside:
            nested = _of_dictionary(part, key.level)
            if path[-1].vr != "SQ" or nested is None or len(path) > _MAX_DEPTH:
                raise _malformed(
                    "A path of a query names sequences and an attribute of the standard inside them, by keywords or "
                    "tags with dots between"
                )
            path.append(nested)
        return tuple(path)

    def included(self, field: str) -> tuple[str, bool]:
        """The tag of an attribute to return, of one inside a sequence the sequence's; and whether it is indexed.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST` if it is neither a keyword nor a tag.
        """
        name = field.partition(".")[0]
        if key := self._named(self._known, name):
            return key.tag, True
        tag = name.upper() if _TAG.match(name) else _tag_of(name)
        if tag is None:
            raise _malformed(
                'includefield takes "all", or keywords and tags in eight hexadecimal digits, separated by commas'
            )
        return tag, tag in _MADE or is_private_creator(tag)

    def _named(self, keys: Mapping[str, MatchKey], name: str) -> MatchKey | None:
        """A private attribute needs its creator, or the block in which it is indexed."""
        if not _is_private(name):
            return keys.get(_canonical(name))
        key = keys.get(in_first_block(name))
        creator = self._creators.get(creator_tag(name))
        is_meant = key and (creator == key.private_creator or (creator is None and name.upper() == key.tag))
        return key if is_meant else None

    def _refusal(self, name: str) -> Rejected:
        named = in_first_block(name) if _is_private(name) else _canonical(name)
        for key, percent in self._pending.items():
            if named in (key.keyword, key.tag):
                return _malformed(f"{key.keyword} is being indexed ({percent} %); ask again later")
        below = self._named(self._known, name)
        if below and below.level > self._level:
            return _malformed(
                f"{below.keyword} belongs to the {below.level.name.lower()} level; search for "
                f"{'series' if below.level is Level.SERIES else 'instances'} to match it"
            )
        keywords = ", ".join(key.keyword for key in self._keys)
        return _malformed(
            f"The query names what a search at this level cannot match; it can match {keywords}, by keyword or as "
            f"eight hexadecimal digits, and takes TimezoneOffsetFromUTC, limit, offset, after, includefield, "
            f"fuzzymatching, emptyvaluematching and multiplevaluematching"
        )


def _by_name(keys: Iterable[MatchKey]) -> dict[str, MatchKey]:
    return {name: key for key in keys for name in (key.keyword, key.tag)}


def _canonical(name: str) -> str:
    return name.upper() if _TAG.match(name) else name


def _is_private(name: str) -> bool:
    return _TAG.match(name) is not None and is_private(name)


def _tag_of(keyword: str) -> str | None:
    tag = tag_for_keyword(keyword) if keyword else None  # the dictionary has elements without a keyword
    return None if tag is None else f"{tag:08X}"


def _of_dictionary(name: str, level: Level) -> MatchKey | None:
    tag = name.upper() if _TAG.match(name) else _tag_of(name)
    return key_within(tag, level) if tag else None


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, f"{sentence}.")
