"""What the abstract syntaxes are for that a peer proposes; PS3.4, and PS3.6 Annex A."""

from collections.abc import Mapping

from pydicom.uid import UID
from pynetdicom.presentation import AllStoragePresentationContexts

from imaging.dimse.peers import Service

VERIFICATION = "1.2.840.10008.1.1"
STORAGE_COMMITMENT_PUSH_MODEL = "1.2.840.10008.1.20.1"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"

SERVICE_OF_SOP_CLASS: Mapping[str, Service | None] = {
    VERIFICATION: None,  # everybody may ask whether we are here
    PATIENT_ROOT_FIND: Service.FIND,
    STUDY_ROOT_FIND: Service.FIND,
    PATIENT_ROOT_MOVE: Service.MOVE,
    STUDY_ROOT_MOVE: Service.MOVE,
    PATIENT_ROOT_GET: Service.GET,
    STUDY_ROOT_GET: Service.GET,
    STORAGE_COMMITMENT_PUSH_MODEL: Service.COMMIT,
}
"""All that is no storage."""

_LISTED = frozenset(str(context.abstract_syntax) for context in AllStoragePresentationContexts)  # the newest too
_NAMED_STORAGE_AND_NONE = ("Storage Commitment", "Media Storage Directory", "Storage Management")


def is_storage(sop_class: UID, *, accepts_unknown: bool = True) -> bool:
    """Whether instances of this class are sent by C-STORE.

    That are those of PS3.4 Annexes B and GG, retired ones too.

    Parameters
    ----------
    accepts_unknown
        What to say of a class that the standard does not name, or not yet: a
        private one of a device, most of the time.
    """
    if sop_class in _LISTED:
        return True
    if sop_class.name == sop_class:  # the registry knows no name for it
        return accepts_unknown
    return (
        sop_class.type == "SOP Class"
        and "Storage" in sop_class.name
        and not sop_class.name.startswith(_NAMED_STORAGE_AND_NONE)
    )
