"""People and places of whom we know what they are called, and others know who they are.

References
----------
https://hl7.org/fhir/R4/references.html#Reference
"""

from collections.abc import Sequence

from imaging.fhir.comparison import says
from imaging.fhir.primitives import Resource


def with_resolved(ours: Resource, current: Resource) -> Resource:
    """An ImagingStudy with those of its references that others have resolved, as long as they mean the same.

    Somebody else may add to a name which Practitioner, Organization or
    Location it is; that stands until the study names another.
    """
    resolved: Resource = {
        name: _resolved([ours[name]], [current.get(name, {})])[0] for name in ("referrer", "location") if name in ours
    }
    if "interpreter" in ours:
        resolved["interpreter"] = _resolved(ours["interpreter"], current.get("interpreter", []))
    if "series" in ours:
        there = {series.get("uid"): series.get("performer", []) for series in current.get("series", [])}
        resolved["series"] = [_of_series(series, there.get(series["uid"], [])) for series in ours["series"]]
    return {**ours, **resolved}


def _of_series(series: Resource, there: Sequence[Resource]) -> Resource:
    if "performer" not in series:
        return series
    return {**series, "performer": [_performer(each, there) for each in series["performer"]]}


def _performer(performer: Resource, there: Sequence[Resource]) -> Resource:
    actors = [each.get("actor", {}) for each in there if says(each.get("function"), performer["function"])]
    return {**performer, "actor": _resolved([performer["actor"]], actors)[0]}


def _resolved(ours: Sequence[Resource], there: Sequence[Resource]) -> list[Resource]:
    """Each as it is there with a `reference`, else ours; of two of one name the first is the first."""
    left, made = list(there), []
    for each in ours:
        found = next((other for other in left if "reference" in other and _is_named_alike(other, each)), None)
        if found:
            left.remove(found)
        made.append(found or each)
    return made


def _is_named_alike(there: Resource, ours: Resource) -> bool:
    return all(says(there.get(name), ours.get(name)) for name in ("display", "identifier"))
