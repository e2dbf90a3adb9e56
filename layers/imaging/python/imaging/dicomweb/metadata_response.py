"""Metadata on its way out: the DICOM JSON as stored, with absolute addresses of its bulk data."""

import json
from collections.abc import Iterator
from typing import Any

from imaging.dicomweb.message import json_bytes
from imaging.model.identifiers import InstanceKey
from imaging.model.links import Links

_BULK_DATA_URI = "BulkDataURI"
_DECODER = json.JSONDecoder()


def with_absolute_addresses(space: str, data_sets: bytes, links: Links) -> bytes:
    """Complete each BulkDataURI of a JSON array of data sets to an address below the instance.

    It is stored relative, ``bulkdata/…``, since the deployment's public base
    address may change.
    """
    if f'"{_BULK_DATA_URI}"'.encode() not in data_sets:
        return data_sets
    # one data set after the other: as Python values all of them would be ten times the text
    completed = (
        json_bytes(_completed(data_set, _address(space, data_set, links)))
        for data_set in _one_by_one(data_sets.decode())
    )
    return b"[" + b",".join(completed) + b"]"


def _one_by_one(array: str) -> Iterator[dict[str, Any]]:
    """The elements of a JSON array as we write it, without blanks."""
    place = 0
    while array[place] != "]":
        data_set, place = _DECODER.raw_decode(array, place + 1)
        yield data_set


def _address(space: str, data_set: dict[str, Any], links: Links) -> str:
    uids = (data_set[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    return links.instance(InstanceKey(space, *uids))


def _completed(data_set: dict[str, Any], base: str) -> dict[str, Any]:
    return {tag: _completed_element(element, base) for tag, element in data_set.items()}


def _completed_element(element: dict[str, Any], base: str) -> dict[str, Any]:
    if _BULK_DATA_URI in element:
        return {**element, _BULK_DATA_URI: f"{base}/{element[_BULK_DATA_URI]}"}
    if element["vr"] == "SQ" and "Value" in element:
        return {**element, "Value": [item and _completed(item, base) for item in element["Value"]]}
    return element
