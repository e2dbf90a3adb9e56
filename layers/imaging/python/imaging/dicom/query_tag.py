"""The attribute of an instance that an extended query tag names."""

import base64
from collections.abc import Mapping
from typing import Any

from imaging.settings import QueryTag

_FIRST_BLOCK, _LAST_BLOCK = 0x10, 0xFF  # PS3.5 Section 7.8.1
_TEXT_VRS = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"})


def attribute_of(metadata: Mapping[str, Mapping[str, Any]], query_tag: QueryTag) -> Mapping[str, Any] | None:
    """The attribute as DICOM JSON has it; None if the instance has none with a value that can be compared.

    A private element of Implicit VR comes as UN; its text is read by the VR
    that the query tag says, as far as it is ASCII.
    """
    tag = _private_tag(metadata, query_tag) if query_tag.private_creator else query_tag.tag
    attribute = metadata.get(tag, {})
    if attribute.get("vr") == "UN" and query_tag.vr in _TEXT_VRS:
        return _text_of_unknown(attribute, query_tag.vr)
    return attribute if attribute.get("Value") else None


def _private_tag(metadata: Mapping[str, Mapping[str, Any]], query_tag: QueryTag) -> str:
    group, element = query_tag.tag[:4], query_tag.tag[6:]
    for block in range(_FIRST_BLOCK, _LAST_BLOCK + 1):
        creator = metadata.get(f"{group}00{block:02X}", {}).get("Value") or [""]
        if str(creator[0]).strip() == query_tag.private_creator:
            return f"{group}{block:02X}{element}"
    return ""


def _text_of_unknown(attribute: Mapping[str, Any], vr: str) -> Mapping[str, Any] | None:
    value = base64.b64decode(attribute.get("InlineBinary", ""))
    if not value.isascii():
        return None
    texts = [text.strip(" \0") for text in value.decode().split("\\")]
    values: list[Any] = [{"Alphabetic": text} if vr == "PN" else text for text in texts]
    return {"vr": vr, "Value": values} if any(texts) else None
