"""What the path of a request names, PS3.18 Section 10.1."""

from collections.abc import Mapping
from typing import TypeAlias

from imaging.dicom.uid import check_uid
from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import StudyKey
from imaging.reading.matching import Matcher, OneOf
from imaging.reading.query_keys import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID
from imaging.reading.target import Target

Names: TypeAlias = Mapping[str, str]
"""``space``, and as far as the path goes ``study``, ``series``, ``instance``, ``number``."""

STUDY = "studies/(?P<study>[^/]+)"
_BELOW_STUDY = "/series/(?P<series>[^/]+)"
_BELOW_SERIES = "/instances/(?P<instance>[^/]+)"
SERIES = f"{STUDY}{_BELOW_STUDY}"
INSTANCE = f"{SERIES}{_BELOW_SERIES}"
LEVELS = ("", _BELOW_STUDY, f"{_BELOW_STUDY}{_BELOW_SERIES}")
"""What a retrieve names, as it stands behind the study."""


def target_of(names: Names) -> Target:
    """The study, series or instance that the path names.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` for what cannot be a UID.
    """
    return Target(
        StudyKey(names["space"], _uid("StudyInstanceUID", names["study"])),
        _uid("SeriesInstanceUID", names["series"]) if "series" in names else None,
        _uid("SOPInstanceUID", names["instance"]) if "instance" in names else None,
    )


def criteria_of(names: Names, asked: Mapping[str, Matcher]) -> dict[str, Matcher]:
    """What a search matches: the UIDs that its path names, and what its query asks.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` if the query asks again for what the path names.
    """
    criteria = dict(asked)
    for key, name in ((STUDY_INSTANCE_UID, "study"), (SERIES_INSTANCE_UID, "series")):
        if name in names:
            if key.tag in criteria:
                raise Rejected(
                    RejectReason.MALFORMED_REQUEST, f"{key.keyword} is in the path; leave it out of the query."
                )
            criteria[key.tag] = OneOf(frozenset({_uid(key.keyword, names[name])}))
    return criteria


def _uid(keyword: str, text: str) -> str:
    try:
        return check_uid(keyword, text)
    except Rejected as rejected:  # a fault of the request, not of an instance
        raise Rejected(RejectReason.MALFORMED_REQUEST, str(rejected)) from rejected
