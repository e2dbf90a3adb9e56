"""Command sets to primitives and back, PS3.7 Section 6.3.1 and Annex E: always in Implicit VR Little Endian.

pynetdicom makes a pydicom data set of each, which takes longer than all else that is done for a small message.
"""

from collections.abc import Callable
from io import BytesIO
from struct import error as struct_error
from struct import iter_unpack, pack, unpack_from
from typing import Any, NamedTuple, cast

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pynetdicom.dimse_messages import _COMMAND_SET_KEYWORDS, _DATASET_KEYWORDS, _MESSAGE_TYPES, _MSG_TO_PRIMITVE
from pynetdicom.dimse_primitives import DIMSEPrimitive

_COMMAND_FIELD = 0x0100
_COMMAND_DATA_SET_TYPE = 0x0800
_NO_DATA_SET = 0x0101
_SOME_DATA_SET = 0x0001
_RESPONSE = 0x8000  # what Command Field has beside that of the request, PS3.7 Section E.1
_CANCEL = 0x0FFF
_BY_OTHER_MEANS = {"CommandGroupLength", "CommandField", "CommandDataSetType"}


class Command(NamedTuple):
    """A command set as it was received.

    Attributes
    ----------
    data_set_keyword
        What the primitive calls its data set; empty if it has no use for one.
    has_data_set
        Whether one follows.
    """

    primitive: DIMSEPrimitive
    data_set_keyword: str
    has_data_set: bool
    is_response: bool


class _Element(NamedTuple):
    keyword: str
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def _padded(value: str, padding: bytes) -> bytes:
    encoded = value.encode("latin-1", "replace")
    return encoded + padding * (len(encoded) % 2)


def _first_text(encoded: bytes) -> str:
    return encoded.split(b"\\", 1)[0].strip(b" \0").decode("latin-1")


def _tags(encoded: bytes) -> list[int]:
    return [group << 16 | element for group, element in iter_unpack("<HH", encoded)]


def _encoded_tags(tags: int | list[int]) -> bytes:
    listed = [tags] if isinstance(tags, int) else tags
    return b"".join(pack("<HH", tag >> 16, tag & 0xFFFF) for tag in listed)


_OF_VR: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "US": (lambda encoded: unpack_from("<H", encoded)[0], lambda value: pack("<H", value)),
    "UI": (_first_text, lambda value: _padded(value, b"\0")),
    "AE": (_first_text, lambda value: _padded(value, b" ")),
    "LO": (_first_text, lambda value: _padded(value, b" ")),
    "AT": (_tags, _encoded_tags),
}


def _elements_of(message: str) -> dict[int, _Element]:
    """The elements of a message beside those that say what it is, in the order of their tags."""
    keywords = set(_COMMAND_SET_KEYWORDS[message]) - _BY_OTHER_MEANS
    return {
        tag: _Element(keyword, *_OF_VR[dictionary_VR(tag)])
        for tag, keyword in sorted((tag_for_keyword(keyword) or 0, keyword) for keyword in keywords)
    }


class _Kind(NamedTuple):
    command_field: int
    primitive: type[DIMSEPrimitive]
    elements: dict[int, _Element]
    data_set_keyword: str


_KINDS = {
    command_field: _Kind(
        command_field,
        cast(type[DIMSEPrimitive], _MSG_TO_PRIMITVE[name.rsplit("-", 1)[0].replace("-", "_")]),
        _elements_of(name),
        _DATASET_KEYWORDS.get(name.replace("-", "_"), ""),
    )
    for command_field, (name, _) in _MESSAGE_TYPES.items()
}
_KIND_OF = {(kind.primitive, bool(field & _RESPONSE) or field == _CANCEL): kind for field, kind in _KINDS.items()}


def decode_command(encoded: bytes) -> Command:
    """Read a command set; elements that its message does not have are passed over.

    Raises
    ------
    ValueError, TypeError
        It is none, or holds what its message cannot have.
    """
    try:
        values = _values(encoded)
        kind = _KINDS[unpack_from("<H", values[_COMMAND_FIELD])[0]]
        (data_set_type,) = unpack_from("<H", values[_COMMAND_DATA_SET_TYPE])
        primitive = kind.primitive()
        for tag, value in values.items():
            element = kind.elements.get(tag)
            if element and value:
                setattr(primitive, element.keyword, element.decode(value))
    except (KeyError, struct_error):
        raise ValueError("This is no command set.") from None
    is_response = bool(kind.command_field & _RESPONSE)
    return Command(primitive, kind.data_set_keyword, data_set_type != _NO_DATA_SET, is_response)


def encode_command(primitive: DIMSEPrimitive) -> bytes:
    """Write the command set of a request or, if it responds to a message, of a response."""
    kind = _kind_of(primitive)
    has_data_set = bool(kind.data_set_keyword) and getattr(primitive, kind.data_set_keyword) is not None
    values = {
        _COMMAND_FIELD: pack("<H", kind.command_field),
        _COMMAND_DATA_SET_TYPE: pack("<H", _SOME_DATA_SET if has_data_set else _NO_DATA_SET),
    }
    for tag, element in kind.elements.items():
        value = getattr(primitive, element.keyword)
        if value is not None:
            values[tag] = element.encode(value)
    elements = b"".join(pack("<HHL", 0, tag, len(values[tag])) + values[tag] for tag in sorted(values))
    return pack("<HHLL", 0, 0, 4, len(elements)) + elements


def data_set_of(primitive: DIMSEPrimitive) -> BytesIO | None:
    """Return the encoded data set that goes with a message, if one does."""
    keyword = _kind_of(primitive).data_set_keyword
    return cast("BytesIO | None", getattr(primitive, keyword)) if keyword else None


def _kind_of(primitive: DIMSEPrimitive) -> _Kind:
    return _KIND_OF[type(primitive), primitive.MessageIDBeingRespondedTo is not None]


def _values(encoded: bytes) -> dict[int, bytes]:
    """The values of group 0000 by element number."""
    values: dict[int, bytes] = {}
    position = 0
    while position < len(encoded):
        group, element, length = unpack_from("<HHL", encoded, position)
        position += 8 + length
        if group or position > len(encoded):
            raise ValueError("This is no command set.")
        values[element] = encoded[position - length : position]
    return values
