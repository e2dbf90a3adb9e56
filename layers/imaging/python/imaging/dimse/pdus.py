"""PDUs, PS3.8 Section 9.3: what they begin with, and what they may be before anything is made of them."""

from struct import pack, unpack_from

A_ASSOCIATE_RQ, A_ASSOCIATE_AC, _A_ASSOCIATE_RJ, P_DATA_TF = 0x01, 0x02, 0x03, 0x04
_A_ABORT = 0x07

PDU_HEADER_BYTES = 6  # type, reserved, length: PS3.8 Section 9.3.1
PDV_HEADER_BYTES = 6  # length, presentation context ID, message control header: PS3.8 Section 9.3.5.1

MAX_PDU_LENGTH_BYTES = 128 * 1024  # what we ask for, PS3.8 D.1; no limit at all is no faster
_MAX_P_DATA_BYTES = 4 * 1024 * 1024  # what we bear of those who send larger ones than we ask for
_MAX_ASSOCIATE_BYTES = 256 * 1024  # 128 contexts of thirty transfer syntaxes each take a third of it
_MAX_OTHER_BYTES = 16  # they have four, PS3.8 Sections 9.3.4 and 9.3.6 to 9.3.8

_MAX_CONTEXTS = 128  # their odd IDs fit one byte, PS3.8 Section 9.3.2.2
_FIRST_ITEM = 74  # behind AE titles and 32 bytes reserved, PS3.8 Table 9-11
_PRESENTATION_CONTEXT = 0x20


class ProtocolViolation(Exception):
    """The peer sends what the protocol does not have; the association is aborted."""


def rejection(result: int, source: int, reason: int) -> bytes:
    """Make an A-ASSOCIATE-RJ, PS3.8 Table 9-21."""
    return pack(">BxLxBBB", _A_ASSOCIATE_RJ, 4, result, source, reason)


def check_length(kind: int, length: int) -> None:
    """Refuse to read what no PDU of this type needs, and what is none.

    Raises
    ------
    ProtocolViolation
        Before anything of it takes room.
    """
    if kind == P_DATA_TF:
        bearable = _MAX_P_DATA_BYTES
    elif kind in {A_ASSOCIATE_RQ, A_ASSOCIATE_AC}:
        bearable = _MAX_ASSOCIATE_BYTES
    else:
        bearable = _MAX_OTHER_BYTES
    if not A_ASSOCIATE_RQ <= kind <= _A_ABORT or length > bearable:
        raise ProtocolViolation


def check_proposed_contexts(association_request: bytes) -> None:
    """Refuse an A-ASSOCIATE-RQ that proposes more presentation contexts than it can, or one twice.

    Raises
    ------
    ProtocolViolation
        Before any of them is decoded.
    """
    seen: set[int] = set()
    position = _FIRST_ITEM
    while position + 4 < len(association_request):
        kind, length = unpack_from(">BxH", association_request, position)
        position += 4
        if kind == _PRESENTATION_CONTEXT:
            context_id = association_request[position]
            if context_id in seen or len(seen) == _MAX_CONTEXTS:
                raise ProtocolViolation
            seen.add(context_id)
        position += length
