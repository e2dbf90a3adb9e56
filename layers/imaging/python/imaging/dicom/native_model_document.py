"""DICOM JSON written as the Native DICOM Model; PS3.19 Section A.1. `imaging.dicom.native_model` reads it back."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag
from pydicom.valuerep import VR

from imaging.dicom.value_field import PERSON_NAME_GROUPS, value_field

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"

_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
_NAME_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 Section 2.2
_LINE_ENDS = {"\r": "&#13;"}  # as it stands a parser makes a line feed of it, XML 1.0 Section 2.11

DataSet = Mapping[str, Mapping[str, Any]]


def native_model_document(data_set: DataSet) -> bytes:
    """One data set as one document in UTF-8.

    Control characters that XML 1.0 has no way to say, such as the form feed
    that PS3.5 Section 6.1.3 allows, become U+FFFD: that something stood there
    is not hidden.

    Parameters
    ----------
    data_set
        In the DICOM JSON Model, PS3.18 Section F.2.
    """
    return f"{_HEAD}{''.join(_data_set(data_set))}</NativeDicomModel>".encode()


def _data_set(data_set: DataSet) -> Iterator[str]:
    blocks = _private_blocks(data_set)
    for tag, attribute in sorted(data_set.items()):
        vr = str(attribute["vr"])
        content = "".join(_content(tag, vr, attribute))
        yield f'<DicomAttribute {_named(tag, blocks)} vr="{vr}"' + (f">{content}</DicomAttribute>" if content else "/>")


def _named(tag: str, blocks: Mapping[str, str]) -> str:
    """The attributes that name an element; a private one by its creator, the block left zero: Table A.1.5-2."""
    creator = blocks.get(tag[:6], "") if tag[4:6] != "00" else ""
    if creator:
        is_first = next(block for block, name in blocks.items() if block[:4] == tag[:4] and name == creator) == tag[:6]
        # A second block of one creator could not be told from the first.
        name = f"{tag[:4]}00{tag[6:]}" if is_first else tag
        return f'tag="{name}" privateCreator={_quoted(creator)}'
    keyword = keyword_for_tag(int(tag, 16))
    return f'tag="{tag}" keyword="{keyword}"' if keyword else f'tag="{tag}"'


def _private_blocks(data_set: DataSet) -> dict[str, str]:
    """Creators by the group and block that they reserve, six digits; PS3.5 Section 7.8.1."""
    creators = {}
    for tag, attribute in sorted(data_set.items()):
        values = attribute.get("Value") or [None]
        if int(tag[:4], 16) % 2 and tag[4:6] == "00" and isinstance(values[0], str):
            creators[tag[:4] + tag[6:]] = values[0]
    return creators


def _content(tag: str, vr: str, attribute: Mapping[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in attribute:
        yield f"<BulkData uri={_quoted(attribute['BulkDataURI'])}/>"
    elif "InlineBinary" in attribute:
        yield f"<InlineBinary>{attribute['InlineBinary']}</InlineBinary>"
    else:
        for number, value in enumerate(attribute.get("Value", ()), 1):
            name, content = _value(tag, vr, value)
            yield f'<{name} number="{number}">{content}</{name}>' if content else f'<{name} number="{number}"/>'


def _value(tag: str, vr: str, value: Any) -> tuple[str, str]:  # noqa: ANN401 - what JSON has there
    """The name of the XML element and what stands in it."""
    if vr == VR.SQ:
        return "Item", "".join(_data_set(value or {}))
    if vr == VR.PN:
        return "PersonName", "".join(_person_name(value or {}))
    if value is None:
        return "Value", ""
    if vr in {VR.DS, VR.IS}:
        value = value_field(int(tag, 16), vr, [value]).decode()  # as it stands in a file
    return "Value", _text(str(value))


def _person_name(groups: Mapping[str, str]) -> Iterator[str]:
    for name in PERSON_NAME_GROUPS:
        if name in groups:
            # What is over five components is nobody's; it stays with the last.
            components = zip(_NAME_COMPONENTS, groups[name].split("^", len(_NAME_COMPONENTS) - 1), strict=False)
            written = "".join(f"<{part}>{_text(text)}</{part}>" for part, text in components if text)
            yield f"<{name}>{written}</{name}>"


def _text(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text), _LINE_ENDS)


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text), _LINE_ENDS)
