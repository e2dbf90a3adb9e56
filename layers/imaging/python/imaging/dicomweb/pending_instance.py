"""An instance whose metadata is here, and whose bulk data is not yet; PS3.18 Section 10.5.1."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

from imaging.dicom.data_set_writer import PIXEL_DATA, write_part10
from imaging.dicom.encapsulation import BulkValue
from imaging.dicom.file_range import FileRange
from imaging.dicom.json_data_set import BulkReference, Elements, JsonDataSet, JsonElement
from imaging.dicomweb.bulk_data import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    OCTET_STREAM,
    BulkPart,
    compressed_syntax,
    is_compressed_type,
    pixel_data,
)
from imaging.dicomweb.multipart import spool
from imaging.errors import Rejected, RejectReason

_NUMBER_OF_FRAMES = 0x00280008
_SAMPLES_PER_PIXEL, _ROWS, _COLUMNS, _BITS_ALLOCATED = 0x00280002, 0x00280010, 0x00280011, 0x00280100
_ENCAPSULATED_DOCUMENT = 0x00420011
_MIME_TYPE_OF_ENCAPSULATED_DOCUMENT = 0x00420012
_INLINE = ""  # no BulkDataURI is empty

PartsByFrame = Mapping[int, BulkPart]


class PendingInstance:
    """Knows what is missing, and makes the file when nothing is.

    Attributes
    ----------
    number_of_frames
        As the metadata has it; 1 if it does not tell.
    references
        The tag that each BulkDataURI stands for, Pixel Data if there are several.
    """

    def __init__(self, data_set: JsonDataSet) -> None:
        self._data_set = data_set
        self._outermost = {e.value.uri for e in data_set.elements if isinstance(e.value, BulkReference)}
        self.references: dict[str, int] = {}
        for uri, tag in _references(data_set.elements):
            self.references[uri] = tag if tag == PIXEL_DATA else self.references.get(uri, tag)
        text = data_set.text_of(_NUMBER_OF_FRAMES)
        self.number_of_frames = max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 10 else 1
        self._missing = dict.fromkeys(self.references)

    @property
    def is_complete(self) -> bool:
        """Whether all bulk data is there."""
        return not self._missing

    def frames_of(self, uri: str) -> int:
        """How many parts a BulkDataURI may have."""
        return self.number_of_frames if self.references[uri] == PIXEL_DATA else 1

    def note(self, uri: str, parts: PartsByFrame, *, first_may_be_whole: bool) -> None:
        """See whether what has come for a BulkDataURI is all of it.

        Parameters
        ----------
        parts
            By frame, from 1.
        first_may_be_whole
            Whether part 1 came under the BulkDataURI itself, not under that of a frame.
        """
        frames = range(1, self.frames_of(uri) + 1)
        has_each = len(parts) >= len(frames) and all(number in parts for number in frames)
        if has_each or (first_may_be_whole and 1 in parts and self._is_whole(parts[1])):
            self._missing.pop(uri, None)

    def _is_whole(self, part: BulkPart) -> bool:
        if not part.holds_all_frames(self._data_set.declared_transfer_syntax_uid):
            return False
        # some send uncompressed frames one by one under the same location
        is_native = not is_compressed_type(part.media_type) and not part.transfer_syntax_uid
        return not (is_native and part.content.size_bytes == self._frame_bytes())

    def _frame_bytes(self) -> int:
        """The length of one uncompressed frame, padded; 0 if the metadata does not tell."""
        rows, columns, bits = (self._number(tag) for tag in (_ROWS, _COLUMNS, _BITS_ALLOCATED))
        size_bits = rows * columns * bits * (self._number(_SAMPLES_PER_PIXEL) or 1)
        return (size_bits + 15) // 16 * 2

    def _number(self, tag: int) -> int:
        values = (element.value for element in self._data_set.elements if element.tag == tag)
        value = next(values, b"")
        return int.from_bytes(value, "little") if isinstance(value, bytes) and len(value) == 2 else 0

    def missing(self) -> Rejected:
        """The refusal of an instance whose bulk data never came."""
        tags = sorted({self.references[uri] for uri in self._missing})
        named = ", ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in tags[:5])
        return self._rejected(
            RejectReason.TRUNCATED,
            f"Bulk data of {named} is missing: after the metadata, parts have to follow whose Content-Location is "
            "its BulkDataURI, one for each frame if it is compressed.",
        )

    def assemble(self, parts: Mapping[str, PartsByFrame]) -> BinaryIO:
        """Write the whole instance to a new file, which the caller closes.

        Raises
        ------
        Rejected
            With the UIDs of the instance.
        """
        try:
            data_set, transfer_syntax_uid, values = self._values(parts)
        except Rejected as rejected:
            raise self._rejected(rejected.reason, str(rejected)) from rejected
        file = spool()
        try:
            write_part10(file, data_set, transfer_syntax_uid, values)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def _values(self, parts: Mapping[str, PartsByFrame]) -> tuple[JsonDataSet, str, dict[str, BulkValue]]:
        values: dict[str, BulkValue] = {}
        syntaxes: set[str] = set()
        for uri, tag in self.references.items():
            frames = [parts[uri][number] for number in sorted(parts[uri]) if number <= self.frames_of(uri)]
            if tag == PIXEL_DATA:
                # what the metadata declares is not said of an icon
                declared = self._data_set.declared_transfer_syntax_uid if uri in self._outermost else ""
                values[uri], syntax = pixel_data(frames, declared)
                if uri in self._outermost or compressed_syntax(syntax):
                    syntaxes.add(syntax)
            else:
                values[uri] = BulkValue((frames[0].content,))
        data_set = self._with_inline_pixel_data(values, syntaxes)
        if len(syntaxes) > 1:
            raise Rejected(
                RejectReason.NOT_DICOM, "The Pixel Data of the instance and of its icon are compressed differently."
            )
        return self._with_mime_type(data_set, parts), next(iter(syntaxes), EXPLICIT_VR_LITTLE_ENDIAN), values

    def _with_inline_pixel_data(self, values: dict[str, BulkValue], syntaxes: set[str]) -> JsonDataSet:
        inline = next((e for e in self._data_set.elements if e.tag == PIXEL_DATA and isinstance(e.value, bytes)), None)
        if inline is None or not isinstance(inline.value, bytes) or not inline.value:
            return self._data_set
        part = BulkPart(FileRange.of(BytesIO(inline.value)), OCTET_STREAM)
        values[_INLINE], syntax = pixel_data([part], self._data_set.declared_transfer_syntax_uid)
        syntaxes.add(syntax)
        return self._with(replace(inline, value=BulkReference(_INLINE)), self._data_set)

    def _with_mime_type(self, data_set: JsonDataSet, parts: Mapping[str, PartsByFrame]) -> JsonDataSet:
        """What kind of document is encapsulated, if only its part tells: PS3.3 Section C.24.2."""
        uri = next((uri for uri, tag in self.references.items() if tag == _ENCAPSULATED_DOCUMENT), None)
        if uri is None or data_set.text_of(_MIME_TYPE_OF_ENCAPSULATED_DOCUMENT):
            return data_set
        media_type = parts[uri][1].media_type
        if media_type == OCTET_STREAM:
            return data_set
        return self._with(JsonElement(_MIME_TYPE_OF_ENCAPSULATED_DOCUMENT, "LO", media_type.encode()), data_set)

    @staticmethod
    def _with(element: JsonElement, data_set: JsonDataSet) -> JsonDataSet:
        others = [other for other in data_set.elements if other.tag != element.tag]
        return replace(data_set, elements=tuple(sorted([*others, element], key=lambda other: other.tag)))

    def _rejected(self, reason: RejectReason, message: str) -> Rejected:
        return Rejected(
            reason,
            message,
            sop_class_uid=self._data_set.sop_class_uid,
            sop_instance_uid=self._data_set.sop_instance_uid,
        )


def _references(elements: Elements) -> Iterator[tuple[str, int]]:
    for element in elements:
        if isinstance(element.value, BulkReference):
            yield element.value.uri, element.tag
        elif isinstance(element.value, tuple):
            for item in element.value:
                yield from _references(item)
