"""A resource that others may write to as well, brought up to date."""

import json
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy

from imaging.fhir.comparison import differs, says
from imaging.fhir.imaging_study import NOTE_AUTHOR
from imaging.fhir.own_identifier import own_identifier
from imaging.fhir.primitives import Resource
from imaging.fhir.resolved_references import with_resolved
from imaging.fhir.study_identifiers import ACCESSION, STUDY_ID

IsOurs = Callable[[Resource], bool]

_OF_NO_PATIENT = frozenset({"implicitRules", "language", "extension", "modifierExtension", "contained"})


def renewed(current: Resource | None, ours: Resource, elements: Collection[str]) -> Resource:
    """`current` with our elements as they are now; what else stands there is others' and is kept.

    What others wrote of one patient is not kept when the resource turns out to
    be about another, and the narrative not when it would tell the old state.

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
    is_of_another = "subject" in ours and reference(current.get("subject", {})) != reference(ours["subject"])
    kept = {
        name: deepcopy(value)
        for name, value in current.items()
        if name not in elements and (name in _OF_NO_PATIENT or not is_of_another)
    }
    shared = {
        name: _with_ours(current.get(name, []), ours.get(name, []), is_ours)
        for name, is_ours in _shared_lists(ours["id"], is_of_another).items()
        if name in elements or name in ours
    }
    ids = {"id": current["id"], "meta": {**current.get("meta", {}), **ours.get("meta", {})}}
    merged = {**kept, **with_resolved(ours, current), **shared, **ids}
    return _consistent(current, {name: value for name, value in merged.items() if value not in ([], {})})


def cancelled(current: Resource) -> Resource:
    """An ImagingStudy of which no image is left: https://hl7.org/fhir/R4/valueset-imagingstudy-status.html."""
    kept = {name: deepcopy(value) for name, value in current.items() if name not in ("series", "endpoint")}
    return _consistent(current, {**kept, "status": "cancelled", "numberOfSeries": 0, "numberOfInstances": 0})


def reference(of: Resource) -> str:
    """What a Reference refers to, whichever version of it; "" if it only says so in words."""
    return str(of.get("reference", "")).partition("/_history/")[0]


def is_accession(identifier: Resource) -> bool:
    """Whether an identifier is an accession number: https://hl7.org/fhir/R4/imagingstudy.html#notes."""
    (ours,) = ACCESSION["coding"]
    return any(
        all(coding.get(name) == value for name, value in ours.items())
        for coding in identifier.get("type", {}).get("coding", [])
    )


def _shared_lists(name: str, is_of_another_patient: bool) -> dict[str, IsOurs]:
    """Which entries of these lists are ours; of those about another patient, also which go with it."""
    own = own_identifier(name)
    return {
        "identifier": lambda each: (
            each.get("system") == "urn:dicom:uid"
            or is_accession(each)
            or each.get("type") == STUDY_ID
            or says(each, own)
        ),
        "note": lambda each: is_of_another_patient or each.get("authorString") == NOTE_AUTHOR,
        "basedOn": lambda each: is_of_another_patient or is_accession(each.get("identifier", {})),
    }


def _with_ours(there: Sequence[Resource], ours: Sequence[Resource], is_ours: IsOurs) -> list[Resource]:
    """Ours and then others' entries; as they stand if ours are all there and no further ones.

    What others refer to already is not referred to once more: theirs stays when ours has gone.
    """
    theirs = [each for each in there if not is_ours(each) and not _is_among(each, ours)]
    referred_to = {reference(each) for each in theirs} - {""}
    ours = [each for each in ours if reference(each) not in referred_to]
    if len(there) == len(theirs) + len(ours) and all(_is_among(each, there) for each in ours):
        return list(there)
    return [*ours, *theirs]


def _is_among(entry: Resource, entries: Sequence[Resource]) -> bool:
    return any(says(each, entry) for each in entries)


def _consistent(current: Resource, merged: Resource) -> Resource:
    """Without contained resources that nothing refers to any more (rule dom-3), and the narrative of the state before.

    https://hl7.org/fhir/R4/domainresource.html
    """
    before, after = _without_contained(current), _without_contained(merged)
    contained = [
        each
        for each in merged.get("contained", [])
        if (local := json.dumps(f"#{each.get('id')}")) not in before or local in after
    ]
    made = {**merged, "contained": contained} if contained else {k: v for k, v in merged.items() if k != "contained"}
    return {name: value for name, value in made.items() if name != "text"} if differs(current, made) else made


def _without_contained(resource: Resource) -> str:
    return json.dumps({name: value for name, value in resource.items() if name != "contained"})
