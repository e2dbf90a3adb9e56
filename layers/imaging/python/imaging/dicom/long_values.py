"""The long bulk values that `imaging.dicom.data_set_reader` passes over, read where they lie."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from imaging.dicom.byte_source import ByteSource, RangeReader
from imaging.dicom.data_element import UNDEFINED_LENGTH, Element
from imaging.dicom.fragments import ITEM_HEADER_BYTES, Fragments
from imaging.dicom.json_model import character_sets
from imaging.errors import Rejected, RejectReason

MAX_BYTES = 64 * 1024 * 1024

_JOINED_GAP_BYTES = 64 * 1024
_JOINED_BYTES = 8 * 1024 * 1024


@dataclass
class _Group:
    """Values that are read in one range."""

    first: int
    end: int
    extents: list[tuple[int, int]] = field(default_factory=list)


def with_long_values(ds: Dataset, source: ByteSource) -> Dataset:
    """A copy of a data set, its sequences included, in which no value is missing.

    Parameters
    ----------
    source
        What the data set was read from; of a deflated one, what it is when inflated.

    Raises
    ------
    Rejected
        `NOT_ACCEPTABLE` if they are over 64 MiB together, or end before they should.
    """
    extents = sorted({extent_of(element, source) for element in _missing(ds)})
    if sum(end - first for first, end in extents) > MAX_BYTES:
        raise Rejected(
            RejectReason.NOT_ACCEPTABLE,
            "The instance has bulk values over 64 MiB beside its pixels; retrieve it as it is stored.",
        )
    values: dict[int, bytes] = {}
    for group in _groups(extents):
        content = source.read_range(group.first, group.end - 1) if group.end > group.first else b""
        if len(content) < group.end - group.first:
            raise Rejected(RejectReason.NOT_ACCEPTABLE, "The instance ends in the middle of a value; send it again.")
        values |= {first: content[first - group.first : end - group.first] for first, end in group.extents}
    return _copied(ds, values)


def copy_of(ds: Dataset) -> Dataset:
    """A copy, its sequences included, with the same values: what converts the copy leaves the original as it is."""
    return _copied(ds, {})


def extent_of(element: RawDataElement, source: ByteSource) -> tuple[int, int]:
    """The first byte of a value, and the first behind it; of an encapsulated one, without its delimiter."""
    first = element.value_tell
    if element.length != UNDEFINED_LENGTH:
        return first, first + element.length
    reader = RangeReader(source)
    reader.seek(first)
    return first, Fragments(reader).find(0).end - ITEM_HEADER_BYTES


def is_missing(element: Element) -> bool:
    """Whether the reader passed over the value."""
    return isinstance(element, RawDataElement) and element.value is None and element.length != 0


def _missing(ds: Dataset) -> Iterator[RawDataElement]:
    for element in ds.values():
        if isinstance(element, DataElement):
            for item in element.value if element.VR == "SQ" else ():
                yield from _missing(item)
        elif is_missing(element):
            yield element


def _groups(extents: list[tuple[int, int]]) -> Iterator[_Group]:
    group: _Group | None = None
    for first, end in extents:
        if group and first - group.end <= _JOINED_GAP_BYTES and end - group.first <= _JOINED_BYTES:
            group.end = max(end, group.end)
        else:
            if group:
                yield group
            group = _Group(first, end)
        group.extents.append((first, end))
    if group:
        yield group


def _copied(ds: Dataset, values: dict[int, bytes]) -> Dataset:
    elements: dict[BaseTag, Element] = {}
    for tag, element in ds.items():
        if isinstance(element, DataElement):
            items = Sequence([_copied(item, values) for item in element.value])
            elements[tag] = DataElement(tag, element.VR, items, element.file_tell, element.is_undefined_length)
        else:
            is_filled = values and is_missing(element)
            elements[tag] = element._replace(value=values[element.value_tell]) if is_filled else element
    copy = Dataset(elements)
    is_implicit_vr, is_little_endian = ds.original_encoding
    copy.set_original_encoding(is_implicit_vr, is_little_endian, character_sets(ds))
    return copy
