"""The Identifiers of C-MOVE and C-GET; PS3.4 Sections C.4.2.1.4 and C.4.3.1.3."""

from collections.abc import Sequence

from pydicom.uid import ImplicitVRLittleEndian

from imaging.dicom.uid import check_uid
from imaging.dimse.identifier import QUERY_RETRIEVE_LEVEL, Identifier, WrongKey
from imaging.dimse.identifier_encoding import Element, IdentifierEncoding
from imaging.dimse.sop_classes import PATIENT_ROOT_GET, PATIENT_ROOT_MOVE
from imaging.errors import Rejected
from imaging.reading.select_instances import Selection

_PATIENT_ID, _ISSUER_OF_PATIENT_ID = "00100020", "00100021"
_UID_TAGS = {"STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}  # from the top
_UNIQUE_KEYS = {"0020000D": "Study Instance UID", "0020000E": "Series Instance UID", "00080018": "SOP Instance UID"}
_FAILED_SOP_INSTANCE_UID_LIST = 0x00080058
_MAX_VALUE_BYTES = 0xFFFE  # of a UI with explicit VR, PS3.5 Section 7.1.2


def selection_of(identifier: Identifier, sop_class_uid: str, space: str) -> Selection:
    """What a request names: the unique key of its level, and of those of the levels above what it has.

    Levels above may be left open, whether or not relational retrieval was
    negotiated. Keys of levels below, and keys that are not unique, restrict
    nothing; neither does a Patient ID where Study is the root. Beside a
    Patient ID its issuer counts: patients of two issuers may share an ID.

    Raises
    ------
    WrongKey
        The level is none of the root's, its unique key is missing, or a UID is none.
    """
    is_patient_root = sop_class_uid in {PATIENT_ROOT_MOVE, PATIENT_ROOT_GET}
    level = identifier.value(QUERY_RETRIEVE_LEVEL)
    patient_id = identifier.value(_PATIENT_ID) if is_patient_root else ""
    issuer = identifier.value(_ISSUER_OF_PATIENT_ID) if patient_id else ""
    if level == "PATIENT" and is_patient_root:
        if not patient_id:
            raise WrongKey(_PATIENT_ID, "A retrieve at PATIENT level needs the Patient ID.")
        return Selection(space, patient_id, issuer)
    if level not in _UID_TAGS:
        levels = "PATIENT, STUDY, SERIES or IMAGE" if is_patient_root else "STUDY, SERIES or IMAGE"
        raise WrongKey(QUERY_RETRIEVE_LEVEL, f"Query/Retrieve Level must be {levels}.")
    uids: dict[str, tuple[str, ...]] = {}
    for each, tag in _UID_TAGS.items():
        uids[each] = _uids(identifier, tag)
        if each == level:
            break
    if not uids[level]:
        tag = _UID_TAGS[level]
        raise WrongKey(tag, f"A retrieve at {level} level needs the {_UNIQUE_KEYS[tag]}.")
    return Selection(space, patient_id, issuer, uids["STUDY"], uids.get("SERIES", ()), uids.get("IMAGE", ()))


def failed_list(sop_instance_uids: Sequence[str], transfer_syntax_uid: str) -> bytes:
    """Encode Failed SOP Instance UID List (0008,0058); none: nothing.

    With explicit VR it names as many as the element has room for.

    Parameters
    ----------
    transfer_syntax_uid
        Of the presentation context, any of those without compressed pixels.
    """
    if not sop_instance_uids:
        return b""
    is_bounded = transfer_syntax_uid != ImplicitVRLittleEndian
    uids = _as_many_as_fit(sop_instance_uids) if is_bounded else sop_instance_uids
    element = Element(_FAILED_SOP_INSTANCE_UID_LIST, "UI", "\\".join(uids).encode())
    return IdentifierEncoding(transfer_syntax_uid)([element], ())


def _uids(identifier: Identifier, tag: str) -> tuple[str, ...]:
    values = tuple(value for value in identifier.value(tag).split("\\") if value)
    for value in values:
        try:
            check_uid(_UNIQUE_KEYS[tag], value)
        except Rejected:
            raise WrongKey(tag, f"{_UNIQUE_KEYS[tag]} must be a UID or a list of UIDs.") from None
    return values


def _as_many_as_fit(uids: Sequence[str]) -> list[str]:
    size_bytes = 0
    fitting: list[str] = []
    for uid in uids:
        size_bytes += len(uid) + 1
        if size_bytes > _MAX_VALUE_BYTES:
            break
        fitting.append(uid)
    return fitting
