"""In which transfer syntax an instance goes out; PS3.4 Sections C.4.2.2.1 and C.4.3.2.1, PS3.5 Section 10."""

from collections.abc import Callable, Collection, Sequence

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.dicom.transfer_syntaxes import DECODABLE, ENCODABLE, NATIVE
from imaging.dimse.outgoing import Kind
from imaging.model.instance import Instance

_FALL_BACKS = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_LAST_RESORTS = (str(DeflatedExplicitVRLittleEndian), *sorted(ENCODABLE))
MAKEABLE = (*_FALL_BACKS, *_LAST_RESORTS)
"""What can be made of most instances, the best first."""


def proposed_kinds(instance: Instance, preferred: Sequence[str]) -> list[Kind]:
    """What to propose to a node for an instance, each in a context of its own so that the choice is ours.

    Parameters
    ----------
    preferred
        The transfer syntaxes that the node likes best, from its entry in the registry.
    """
    stored = instance.arrival.transfer_syntax_uid
    if stored not in NATIVE | DECODABLE:
        return [Kind(instance.sop_class_uid, stored)]
    wanted = (syntax for syntax in preferred if syntax == stored or syntax in MAKEABLE)
    return [Kind(instance.sop_class_uid, syntax) for syntax in dict.fromkeys((*wanted, stored, *_FALL_BACKS))]


def chosen_kind(
    instance: Instance,
    accepted: Collection[Kind],
    preferred: Sequence[str],
    makeable: Callable[[Instance], Collection[str]],
) -> Kind | None:
    """The first that the peer accepts and we have or can make: as stored, unless it likes another one better.

    Parameters
    ----------
    makeable
        Tells in what the instance can be made; asked only if it has to be.

    Returns
    -------
    Kind or None
        None: nothing that it accepts can be made.
    """
    stored = instance.arrival.transfer_syntax_uid
    made: Collection[str] | None = None
    for syntax in dict.fromkeys((*preferred, stored, *MAKEABLE)):
        kind = Kind(instance.sop_class_uid, syntax)
        if kind not in accepted:
            continue
        if syntax == stored:
            return kind
        if made is None:
            made = makeable(instance)
        if syntax in made:
            return kind
    return None
