"""Reads a data set element by element without reading bulk values; PS3.5 Sections 7.1 and 7.5."""

from collections.abc import Iterator, Sequence
from struct import unpack

from pydicom import Dataset
from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import VR

from imaging.dicom.byte_source import ELEMENT_HEADER_BYTES, RangeReader, truncated
from imaging.dicom.data_element import (
    DELIMITERS,
    ITEM,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    UNDEFINED_LENGTH,
    Element,
    ElementHeader,
    Reading,
    character_sets,
    shows_implicit_vr,
)
from imaging.dicom.data_set_level import BrokenDataSetError, Level, Pause, StopAt, end_within
from imaging.errors import Rejected, RejectReason

MAX_DEPTH = 64
MAX_ITEMS = 500_000


class DataSetReader:
    """Reads one data set from a `RangeReader`.

    pydicom parses the elements. This walks the sequences, so that their depth
    is bounded, no byte is held twice, and a bulk value is passed over wherever
    it stands.

    Parameters
    ----------
    reader
        Positioned at the first element.
    little_endian
        The byte order.
    keep_sequences
        Whether sequences become part of the data set. A door needs none, and
        passes over those that tell their length.

    Attributes
    ----------
    reader
        What it reads from.
    unreadable
        Tags of sequences that were left out because their content is no data set.
    """

    def __init__(self, reader: RangeReader, *, little_endian: bool, keep_sequences: bool = True) -> None:
        self.unreadable: list[int] = []
        self.reader = reader
        self._little_endian = little_endian
        self._keep_sequences = keep_sequences
        self._items_read = 0
        self._stopped_at: ElementHeader | None = None

    @property
    def position(self) -> int:
        """Where the reading stopped, from the start of the reader's object."""
        return self.reader.tell()

    def go_to(self, offset: int) -> None:
        """Go on at an element, from the start of the reader's object."""
        self.reader.seek(offset)

    @property
    def stopped_at(self) -> ElementHeader | None:
        """The element before which the last reading stopped; None if it went to the end."""
        return self._stopped_at

    @property
    def stopped_at_undefined_length(self) -> bool:
        """Whether the reading stopped at an element of undefined length."""
        return self._stopped_at is not None and self._stopped_at.has_undefined_length

    def finds_implicit_vr(self, *, declared: bool) -> bool:
        """What the next element shows, whatever the transfer syntax declares."""
        return shows_implicit_vr(self.reader.peek(6), declared=declared)

    def read(self, *, implicit_vr: bool, stop_at: StopAt, encodings: Sequence[str] = (default_encoding,)) -> Dataset:
        """Read up to the first element whose tag `stop_at` picks, or to the end; the reader is left there.

        Parameters
        ----------
        implicit_vr
            How the elements are encoded.
        encodings
            Python's names of the character sets, until Specific Character Set tells others.

        Raises
        ------
        Rejected
            `TRUNCATED`, `TOO_LARGE`, or `NOT_DICOM` if the bytes are no data set.
        """
        self._stopped_at = None
        level = Level(self.reader.end, implicit_vr, 0, list(encodings), stop_at)
        try:
            return self._data_set(level)
        except BrokenDataSetError as error:
            raise _not_dicom(error) from error

    def pass_over(self) -> None:
        """Go beyond the element where the reading stopped, however long its value.

        Raises
        ------
        Rejected
            `TRUNCATED` if the object ends before it, `NOT_DICOM` if it is not
            made as Section A.4 has it.
        """
        if self._stopped_at is None:
            return
        self.reader.seek(self._stopped_at.value_offset)
        try:
            if self._stopped_at.has_undefined_length:
                self._pass_over_fragments(self.reader.end)
            elif self._stopped_at.length:
                self.reader.seek(self._stopped_at.end - 1)
                self.reader.read(1)
        except BrokenDataSetError as error:
            raise _not_dicom(error) from error

    def _data_set(self, level: Level) -> Dataset:
        parent_encoding = level.character_sets
        ds = Dataset({element.tag: element for element in self._elements(level)}, parent_encoding=parent_encoding)
        ds.set_original_encoding(level.implicit_vr, self._little_endian, level.character_sets)
        return ds

    def _elements(self, level: Level) -> Iterator[Element]:
        while self.reader.tell() < level.end:
            pause = Pause(self.reader, level)
            yield from data_element_generator(self.reader, level.implicit_vr, self._little_endian, stop_when=pause)  # type: ignore[arg-type]
            if pause.at and pause.reading:
                yield from self._special(level, pause.at, pause.reading)
            elif pause.at:
                self._stopped_at = self._stopped_at if level.depth else pause.at
                return
            elif self.reader.cut is not None:
                if any(self.reader.cut):
                    raise truncated()
                return  # a few zeros are padding
            elif level.depth:
                return  # an item delimiter; at the outermost level a stray one means nothing

    def _special(self, level: Level, at: ElementHeader, reading: Reading) -> Iterator[Element]:
        self.reader.seek(at.value_offset)
        raw = RawDataElement(at.tag, at.vr, at.length, None, at.value_offset, level.implicit_vr, self._little_endian)
        if reading is Reading.SEQUENCE:
            yield from self._sequence(level, at)
        elif reading is Reading.FRAGMENTS:
            self._pass_over_fragments(level.end)
            yield raw
        elif reading is Reading.PASS_OVER:
            self.reader.seek(at.end)
            if at.tag not in DELIMITERS:  # a stray one is no element
                yield raw
        else:
            raw = raw._replace(value=self.reader.read(at.length))
            level.character_sets = character_sets(raw.value or b"")
            yield raw

    def _sequence(self, level: Level, at: ElementHeader) -> Iterator[DataElement]:
        if not self._keep_sequences and not at.has_undefined_length:
            self.reader.seek(at.end)
            return
        try:
            items = list(self._items(level, at))
        except BrokenDataSetError:
            if at.has_undefined_length:
                raise
            self.unreadable.append(at.tag)
            self.reader.seek(at.end)
            return
        if self._keep_sequences:
            yield DataElement(at.tag, VR.SQ, Items(items), at.value_offset, at.has_undefined_length)

    def _items(self, level: Level, at: ElementHeader) -> Iterator[Dataset]:
        """The items of a sequence, PS3.5 Section 7.5."""
        if level.depth >= MAX_DEPTH:
            raise BrokenDataSetError(f"its sequences are nested deeper than {MAX_DEPTH}")
        end = level.end if at.has_undefined_length else at.end
        if not at.has_undefined_length:
            self.reader.needed_until = max(self.reader.needed_until, end)
        while at.has_undefined_length or self.reader.tell() < end:
            tag, length = self._item_header()
            if tag == SEQUENCE_DELIMITATION:
                break
            if tag == ITEM_DELIMITATION:
                continue  # a second one, harmless
            if tag != ITEM:
                raise BrokenDataSetError("a sequence holds something that is no item")
            ds = self._item(level, end, length)
            if self._keep_sequences:
                yield ds
        if not at.has_undefined_length:
            self.reader.seek(end)

    def _item(self, level: Level, end: int, length: int) -> Dataset:
        self._items_read += 1
        if self._items_read > MAX_ITEMS:
            raise Rejected(RejectReason.TOO_LARGE, f"The header has more than {MAX_ITEMS} sequence items.")
        if length != UNDEFINED_LENGTH:
            end = self._end_within(end, length)
        # What is implicit outside is implicit inside; the other way round both occur, PS3.5 Section 6.2.2.
        implicit_vr = level.implicit_vr or self.finds_implicit_vr(declared=False)
        ds = self._data_set(Level(end, implicit_vr, level.depth + 1, level.character_sets))
        if length != UNDEFINED_LENGTH:
            self.reader.seek(end)
        return ds

    def _pass_over_fragments(self, end: int) -> None:
        """The items of an encapsulated value, PS3.5 Section A.4."""
        while True:
            tag, length = self._item_header()
            if tag == SEQUENCE_DELIMITATION:
                return
            if tag != ITEM or length == UNDEFINED_LENGTH:
                raise BrokenDataSetError("an encapsulated value holds something that is no fragment")
            self.reader.seek(self._end_within(end, length))

    def _item_header(self) -> tuple[int, int]:
        header = self.reader.read(ELEMENT_HEADER_BYTES)
        if len(header) < ELEMENT_HEADER_BYTES:
            raise truncated()
        group, element, length = unpack("<HHL" if self._little_endian else ">HHL", header)
        return group << 16 | element, length

    def _end_within(self, end: int, length: int) -> int:
        """Where what is `length` bytes long ends, if not beyond `end`."""
        return end_within(self.reader, end, self.reader.tell() + length)


def _not_dicom(error: BrokenDataSetError) -> Rejected:
    return Rejected(RejectReason.NOT_DICOM, f"The data set cannot be read: {error}.")
