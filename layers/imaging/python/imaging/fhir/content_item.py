"""The content items of an SR document, PS3.3 Section C.17.3, in DICOM JSON."""

import re
from collections.abc import Container, Iterator
from typing import TypeAlias

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.coded_concept import codeable_concept, system_and_code
from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.primitives import Resource, date_time, present, string
from imaging.fhir.sequence import first_item, items
from imaging.fhir.ucum import is_ucum

Concept: TypeAlias = tuple[str | None, str | None]
"""The URI of a code system, and a code of it."""

UCUM = "http://unitsofmeasure.org"

_CONCEPT_NAME_CODE_SEQUENCE, _CONCEPT_CODE_SEQUENCE = "0040A043", "0040A168"
_CONTENT_SEQUENCE, _VALUE_TYPE = "0040A730", "0040A040"
_MEASURED_VALUE_SEQUENCE, _NUMERIC_VALUE, _MEASUREMENT_UNITS_CODE_SEQUENCE = "0040A300", "0040A30A", "004008EA"
_DATE_TIME, _UID, _TEXT_VALUE = "0040A120", "0040A124", "0040A160"

# PS3.5 Table 6.2-1, DT.
_DT = re.compile(r"(?P<date>[0-9]{4,8})(?P<time>[0-9.]*)(?P<offset>[+-][0-9]{4})?\Z")


class ContentItem:
    """A content item, the document itself among them.

    Parameters
    ----------
    attributes
        The item of a Content Sequence, or the metadata of an SR document.
    """

    def __init__(self, attributes: Attributes, schemes: CodingSchemes) -> None:
        self._attributes = attributes
        self._schemes = schemes
        name = first_item(attributes, _CONCEPT_NAME_CODE_SEQUENCE)
        self.concept: Concept = system_and_code(name, schemes) if name else (None, None)

    @property
    def value_type(self) -> str:
        """As PS3.3 Section C.17.3.2.1 has them."""
        return text(self._attributes, _VALUE_TYPE).strip()

    @property
    def children(self) -> list["ContentItem"]:
        """The items right below, in their order."""
        return [ContentItem(item, self._schemes) for item in items(self._attributes, _CONTENT_SEQUENCE)]

    def below(self, without: Container[Concept] = ()) -> Iterator[tuple["ContentItem", "ContentItem"]]:
        """All items below, in their order, each with the one that it stands under.

        Parameters
        ----------
        without
            Concepts whose items are left out, with all below them.
        """
        for child in self.children:
            if child.concept not in without:
                yield child, self
                yield from child.below(without)

    def child(self, concept: Concept) -> "ContentItem | None":
        """The first item right below that is of a concept."""
        return next((child for child in self.children if child.concept == concept), None)

    @property
    def code(self) -> Resource | None:
        """The value of a CODE item, as a CodeableConcept."""
        value = first_item(self._attributes, _CONCEPT_CODE_SEQUENCE)
        return codeable_concept(value, self._schemes) if value else None

    @property
    def text(self) -> str | None:
        """The value of a TEXT item."""
        return string(text(self._attributes, _TEXT_VALUE))

    @property
    def uid(self) -> str:
        """The value of a UIDREF item."""
        return text(self._attributes, _UID).strip()

    @property
    def number(self) -> float | None:
        """The value of a NUM item; None if it was not measured."""
        measured = first_item(self._attributes, _MEASURED_VALUE_SEQUENCE) or {}
        value = next(iter(measured.get(_NUMERIC_VALUE, {}).get("Value") or []), None)
        if not isinstance(value, int | float):
            return None
        return int(value) if value == int(value) else value

    @property
    def quantity(self) -> Resource | None:
        """The value of a NUM item, as a Quantity; of units that are not UCUM only their text."""
        measured = first_item(self._attributes, _MEASURED_VALUE_SEQUENCE) or {}
        if self.number is None:
            return None
        unit = first_item(measured, _MEASUREMENT_UNITS_CODE_SEQUENCE) or {}
        system, code = system_and_code(unit, self._schemes)
        if system == UCUM and code and is_ucum(code):
            return {"value": self.number, "unit": code, "system": UCUM, "code": code}
        return present(value=self.number, unit=string(text(unit, "00080104")) or code)

    def date_time(self, timezone_offset_from_utc: str) -> str | None:
        """The value of a DATETIME item; without an offset of its own it has that of the document."""
        match = _DT.match(text(self._attributes, _DATE_TIME).strip())
        return date_time(match["date"], match["time"], match["offset"] or timezone_offset_from_utc) if match else None
