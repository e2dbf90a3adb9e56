"""Where the values of a data set break their VR; PS3.5 Section 6.2."""

from collections.abc import Iterator

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.valuerep import VR

from imaging.dicom.header import Header
from imaging.dicom.json_model import belongs, character_sets, value_vr
from imaging.dicom.json_value import CONVERSION_ERRORS, json_values
from imaging.dicom.quiet import without_warnings

MAX_NAMED = 100

# Text of any other VR can be read, however long it is or whatever is in it.
_CAN_BREAK = {
    *(VR.AS, VR.AT, VR.DA, VR.DS, VR.DT, VR.IS, VR.TM, VR.UI),
    *(VR.FD, VR.FL, VR.SL, VR.SS, VR.SV, VR.UL, VR.US, VR.UV),
}


def broken_values(header: Header) -> list[str]:
    """Name the elements whose values `imaging.dicom.json_model` will leave out.

    Returns
    -------
    list
        Paths: the tag in 8 hexadecimal digits, inside a sequence
        ``<tag of the sequence>/<item, from 0>/<tag>``; at most `MAX_NAMED`.
    """
    with without_warnings():
        found = [f"{tag:08X}" for tag in header.unreadable]
        for path in _of_data_set(header.data_set, "", signed=False):
            if len(found) == MAX_NAMED:
                break
            found.append(path)
    return found


def _of_data_set(ds: Dataset, path: str, *, signed: bool) -> Iterator[str]:
    for element in sorted(ds.values(), key=lambda element: element.tag):
        if not belongs(element):
            continue
        name = f"{path}{element.tag:08X}"
        if isinstance(element, DataElement):
            for number, item in enumerate(element.value):
                yield from _of_data_set(item, f"{name}/{number}/", signed=signed)
        elif element.value is not None and _is_broken(ds, element, signed):
            yield name


def _is_broken(ds: Dataset, element: RawDataElement, signed: bool) -> bool:
    try:
        vr = value_vr(ds, element, signed)
        if vr in _CAN_BREAK:
            json_values(element, vr, character_sets(ds))
    except CONVERSION_ERRORS:
        return True
    return False
