"""Dates that are no DA, and say something all the same."""

import re
from collections.abc import Iterable

from pydicom import Dataset

from imaging.dicom.attributes import Attributes
from imaging.dicom.data_element import raw_value

_DATES = frozenset(
    {
        "00080020",  # Study Date
        "00080021",  # Series Date
        "00100030",  # Patient's Birth Date
    }
)
# A year, or a year and a month, as devices write what is not known better; and the dotted form that DA once had,
# PS3.5 Table 6.2-1, note on ACR-NEMA. What is not known may be zeros too.
_PARTIAL_DATE = re.compile(rb"[0-9]{4}(\.?[0-9]{2}(\.?[0-9]{2})?)?\Z")


def partial_dates(data_set: Dataset, unreadable: Iterable[str]) -> Attributes:
    """Those among the unreadable attributes, as text under their VR.

    Parameters
    ----------
    unreadable
        As `imaging.dicom.attributes.unreadable` gives it.
    """
    texts = {tag: raw_value(data_set, int(tag, 16)).strip(b" \0") for tag in unreadable if tag in _DATES}
    return {tag: {"vr": "DA", "Value": [text.decode()]} for tag, text in texts.items() if _PARTIAL_DATE.match(text)}
