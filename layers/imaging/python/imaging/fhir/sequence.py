"""Sequences (SQ) of DICOM JSON, whatever a sender left out of them."""

from collections.abc import Mapping
from typing import Any

from imaging.dicom.attributes import Attributes


def items(attributes: Attributes, tag: str) -> list[Attributes]:
    """The items of a sequence in their order; none if it is missing, empty or no sequence."""
    return [item for item in attributes.get(tag, {}).get("Value") or [] if _is_data_set(item)]


def first_item(attributes: Attributes, tag: str) -> Attributes | None:
    """The item of a sequence that is permitted only one."""
    return next(iter(items(attributes, tag)), None)


def _is_data_set(item: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(item, Mapping) and all(isinstance(attribute, Mapping) for attribute in item.values())
