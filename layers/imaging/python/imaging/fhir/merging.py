"""A resource that others may write to as well, brought up to date."""

from collections.abc import Callable, Collection, Sequence
from copy import deepcopy

from imaging.fhir.comparison import says
from imaging.fhir.imaging_study import NOTE_AUTHOR
from imaging.fhir.own_identifier import own_identifier
from imaging.fhir.primitives import Resource
from imaging.fhir.study_identifiers import STUDY_ID

IsOurs = Callable[[Resource], bool]


def renewed(current: Resource | None, ours: Resource, elements: Collection[str]) -> Resource:
    """`current` with our elements as they are now; what else stands there is others' and is kept.

    Parameters
    ----------
    ours
        Under its deterministic id.
    elements
        The names of all elements that the mapping can give: one that it does
        not give any more goes. Of some lists only entries are ours.
    """
    if current is None:
        return ours
    kept = {name: deepcopy(value) for name, value in current.items() if name not in elements}
    shared = {
        name: _with_ours(current.get(name, []), ours.get(name, []), is_ours)
        for name, is_ours in _shared_lists(ours["id"]).items()
        if name in elements or name in ours
    }
    ids = {"id": current["id"], "meta": {**current.get("meta", {}), **ours.get("meta", {})}}
    merged = {**kept, **ours, **shared, **ids}
    return {name: value for name, value in merged.items() if value not in ([], {})}


def cancelled(current: Resource) -> Resource:
    """An ImagingStudy of which no image is left: https://hl7.org/fhir/R4/valueset-imagingstudy-status.html."""
    kept = {name: deepcopy(value) for name, value in current.items() if name not in ("series", "endpoint")}
    return {**kept, "status": "cancelled", "numberOfSeries": 0, "numberOfInstances": 0}


def is_accession(identifier: Resource) -> bool:
    """Whether an identifier is an accession number: https://hl7.org/fhir/R4/imagingstudy.html#notes."""
    return any(coding.get("code") == "ACSN" for coding in identifier.get("type", {}).get("coding", []))


def _shared_lists(name: str) -> dict[str, IsOurs]:
    own = own_identifier(name)
    return {
        "identifier": lambda each: (
            each.get("system") == "urn:dicom:uid"
            or is_accession(each)
            or each.get("type") == STUDY_ID
            or says(each, own)
        ),
        "note": lambda each: each.get("authorString") == NOTE_AUTHOR,
        "basedOn": lambda each: is_accession(each.get("identifier", {})),
    }


def _with_ours(there: Sequence[Resource], ours: Sequence[Resource], is_ours: IsOurs) -> list[Resource]:
    """Ours and then others' entries; as they stand if ours are all there and no further ones."""
    theirs = [each for each in there if not is_ours(each) and not _is_among(each, ours)]
    if len(there) == len(theirs) + len(ours) and all(_is_among(each, there) for each in ours):
        return list(there)
    return [*ours, *theirs]


def _is_among(entry: Resource, entries: Sequence[Resource]) -> bool:
    return any(says(each, entry) for each in entries)
