"""A header on its way to a worker, in plain values; as DICOM, what breaks its VR could not be written."""

import pickle
from collections.abc import Mapping, MutableSequence
from typing import Any

from pydicom import Dataset


def packed_header(header: Dataset) -> bytes:
    """A header for a task."""
    return pickle.dumps(_plain(header))


def header_of(content: bytes) -> Dataset:
    """The header of a task; of tasks only, for what comes back from a worker may be a frame's doing."""
    return _data_set(pickle.loads(content))


def _plain(header: Dataset) -> dict[str, Any]:
    return {element.keyword: _plain_value(element.value) for element in header}


def _plain_value(value: object) -> Any:  # noqa: ANN401 - any value that pickle has of its own
    match value:
        case Dataset():
            return _plain(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case MutableSequence():
            return [_plain_value(one) for one in value]
    return value if type(value) in (str, bytes) else None


def _data_set(plain: Mapping[str, Any]) -> Dataset:
    header = Dataset()
    for keyword, value in plain.items():
        has_items = isinstance(value, list) and value and isinstance(value[0], dict)
        setattr(header, keyword, [_data_set(item) for item in value] if has_items else value)
    return header
