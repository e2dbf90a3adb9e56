"""The Identifier of a C-FIND response; PS3.4 Section C.4.1.1.3.2."""

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydicom.valuerep import BYTES_VR, CUSTOMIZABLE_CHARSET_VR, VR

from imaging.dicom.value_field import BrokenValueError, value_field
from imaging.dimse.find_keys import SPECIFIC_CHARACTER_SET, Returned
from imaging.dimse.identifier_encoding import Element, IdentifierEncoding
from imaging.dimse.response_text import character_sets_for
from imaging.model.instance import DicomJson
from imaging.reading.match_attributes import element
from imaging.reading.query_keys import TIMEZONE_OFFSET_FROM_UTC

_DATES_AND_TIMES = {VR.DA, VR.DT, VR.TM}


class ResponseIdentifiers:
    """Encodes what is returned of each match of one request.

    Parameters
    ----------
    returned
        What the request asks for.
    always
        Further attributes, the same in each response.
    character_sets
        Those of the request: responses are in them, where they can be.
    """

    def __init__(
        self,
        returned: Sequence[Returned],
        always: DicomJson,
        *,
        character_sets: Sequence[str],
        transfer_syntax_uid: str,
    ) -> None:
        self._returned = returned
        self._always = tuple(_element(tag, attribute) for tag, attribute in always.items())
        self._tells_times = any(each.vr in _DATES_AND_TIMES for each in returned)
        self._character_sets = character_sets
        self._encoded = IdentifierEncoding(transfer_syntax_uid)

    def encode(self, attributes: DicomJson) -> bytes:
        """Encode a match.

        Parameters
        ----------
        attributes
            All that is known of it, of its level and above.
        """
        elements = {each.tag: each for each in (*_elements(self._returned, attributes), *self._always)}
        if self._tells_times and TIMEZONE_OFFSET_FROM_UTC in attributes:
            zone = _element(TIMEZONE_OFFSET_FROM_UTC, attributes[TIMEZONE_OFFSET_FROM_UTC])
            elements[zone.tag] = zone
        character_sets = character_sets_for(_texts(elements.values()), self._character_sets)
        if character_sets:
            declared = _element(SPECIFIC_CHARACTER_SET, element("CS", *character_sets))
            elements[declared.tag] = declared
        return self._encoded([elements[tag] for tag in sorted(elements)], character_sets)


def _elements(returned: Sequence[Returned], attributes: Mapping[str, Any]) -> Iterator[Element]:
    for each in returned:
        attribute = attributes.get(each.source) or {"vr": each.vr}
        if each.within and attribute["vr"] == VR.SQ:
            items = (tuple(_elements(each.within, item or {})) for item in attribute.get("Value", ()))
            yield Element(int(each.tag, 16), VR.SQ.value, tuple(items))
        else:
            yield _element(each.tag, attribute)


def _element(tag: str, attribute: Mapping[str, Any]) -> Element:
    """An element from DICOM JSON, empty where its value cannot be had."""
    number, vr, values = int(tag, 16), str(attribute["vr"]), attribute.get("Value", ())
    if vr == VR.SQ:
        return Element(number, vr, tuple(_all_of(item or {}) for item in values))
    if vr in BYTES_VR:
        return Element(number, vr, b64decode(attribute.get("InlineBinary", "")))
    try:
        return Element(number, vr, value_field(number, vr, values))
    except BrokenValueError:
        return Element(number, vr, b"")


def _all_of(item: Mapping[str, Any]) -> tuple[Element, ...]:
    return tuple(_element(tag, item[tag]) for tag in sorted(item) if tag != SPECIFIC_CHARACTER_SET)


def _texts(elements: Iterable[Element]) -> Iterator[tuple[str, str]]:
    """What is not ASCII, and its VR."""
    for each in elements:
        if isinstance(each.value, tuple):
            for item in each.value:
                yield from _texts(item)
        elif each.vr in CUSTOMIZABLE_CHARSET_VR and not each.value.isascii():
            yield each.value.decode(), each.vr
