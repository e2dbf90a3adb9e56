"""The Native DICOM Model, read as DICOM JSON; PS3.19 Section A.1, PS3.18 Section F.2."""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from imaging.dicom.json_model import Attributes
from imaging.dicom.private_blocks import PrivateBlocks
from imaging.dicom.value_field import PERSON_NAME_GROUPS
from imaging.errors import Rejected, RejectReason

_NAME_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_MAX_GAPS = 10_000  # numbers that are left out, in one model
_MAX_TAGS = 1_000_000  # of XML; an element takes up to a hundred times the memory of its tag
_MAX_DEPTH = 70  # one more than sequences may have, and what is read by recursion here is safe


def read_native_model(content: bytes) -> list[Attributes]:
    """Read the data sets of one document.

    The namespace does not matter: some senders leave it out. The standard has
    one model a document; an element around several is taken for a list.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` if it is no XML or declares entities, `NOT_DICOM`
        if it is another document or breaks the model.
    """
    if content.count(b"<") > _MAX_TAGS:
        raise Rejected(RejectReason.TOO_LARGE, f"The XML has more than {_MAX_TAGS} tags; send fewer or smaller parts.")
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:  # DTDs and entities; encodings that are not known
        raise Rejected(
            RejectReason.MALFORMED_REQUEST, "The metadata is no well-formed XML without a document type."
        ) from error
    models = [root] if _name(root) == "NativeDicomModel" else list(root)
    if not models or any(_name(model) != "NativeDicomModel" for model in models):
        raise _not_dicom("it is no NativeDicomModel")
    return [_Model().data_set(model, depth=0) for model in models]


class _Model:
    def __init__(self) -> None:
        self._gaps_left = _MAX_GAPS

    def data_set(self, parent: Element, *, depth: int) -> Attributes:
        if depth > _MAX_DEPTH:
            raise _not_dicom("its sequences are nested too deep")
        children = [_expect(child, "DicomAttribute") for child in parent]
        blocks = PrivateBlocks()
        for child in children:
            blocks.note(_tag(child), child.findtext("{*}Value") or "")
        attributes: Attributes = {}
        for child in children:
            tag = blocks.place(_tag(child), child.get("privateCreator", ""))
            attributes[f"{tag:08X}"] = self._attribute(child, depth=depth)
        return blocks.creators() | attributes

    def _attribute(self, attribute: Element, *, depth: int) -> dict[str, Any]:
        vr = attribute.get("vr")
        found: dict[str, Any] = {} if vr is None else {"vr": vr}
        children = list(attribute)
        kinds = {_name(child) for child in children}
        if not children:
            return found
        if kinds == {"BulkData"} and len(children) == 1:
            return found | {"BulkDataURI": children[0].get("uri") or children[0].get("uuid") or ""}
        if kinds == {"InlineBinary"} and len(children) == 1:
            return found | {"InlineBinary": children[0].text or ""}
        if kinds in ({"Value"}, {"PersonName"}, {"Item"}):
            return found | {"Value": list(self._values(children, depth=depth))}
        raise _not_dicom("an attribute has other content than values, items, bulk data or inline binary")

    def _values(self, children: list[Element], *, depth: int) -> Iterator[Any]:
        """In the order of their numbers; a number that is left out stands for an empty value."""
        numbered = sorted(((_number(child, position), child) for position, child in enumerate(children, 1)), key=_first)
        expected = 1
        for number, child in numbered:
            gap = max(number - expected, 0)
            self._gaps_left -= gap
            if self._gaps_left < 0:
                raise _not_dicom("its values leave out too many numbers")
            yield from [None] * gap
            expected = number + 1
            yield self._value(child, depth=depth)

    def _value(self, child: Element, *, depth: int) -> Any:  # noqa: ANN401 - what JSON has there
        if _name(child) == "Item":
            return self.data_set(child, depth=depth + 1)
        return _person_name(child) if _name(child) == "PersonName" else child.text


def _person_name(person_name: Element) -> dict[str, str]:
    groups = {}
    for name in PERSON_NAME_GROUPS:
        group = person_name.find(f"{{*}}{name}")
        if group is not None:
            components = (group.findtext(f"{{*}}{component}") or "" for component in _NAME_COMPONENTS)
            groups[name] = "^".join(components).rstrip("^")
    return groups


def _first(numbered: tuple[int, Element]) -> int:
    return numbered[0]


def _number(child: Element, otherwise: int) -> int:
    text = child.get("number", str(otherwise))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _not_dicom("the number of a value is not a number")
    return int(text)


def _tag(attribute: Element) -> int:
    text = attribute.get("tag", "")
    if not re.fullmatch(r"[0-9A-Fa-f]{8}", text):
        raise _not_dicom("an attribute has no tag of eight hexadecimal digits")
    return int(text, 16)


def _expect(child: Element, name: str) -> Element:
    if _name(child) != name:
        raise _not_dicom(f"it has something else where only {name} can stand")
    return child


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _not_dicom(what: str) -> Rejected:
    return Rejected(RejectReason.NOT_DICOM, f"The XML is not as PS3.19 Section A.1 has it: {what}.")
