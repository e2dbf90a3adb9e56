"""Whether the Pixel Data of a file is all there; PS3.5 Section 8 and Annex A.4."""

from imaging.dicom.byte_source import ByteSource, RangeReader
from imaging.dicom.header import PIXEL_DATA_TAGS, Header, open_data_set


def check_pixel_data(source: ByteSource, header: Header) -> None:
    """Refuse a file that ends before its Pixel Data does.

    Lengths are looked at, values are not; what a sender appends after Pixel
    Data is its own affair.

    Raises
    ------
    Rejected
        `TRUNCATED`, or `NOT_DICOM` where fragments are not made as Annex A.4 has it.
    """
    reader = RangeReader(source)
    reader.seek(header.data_set_offset)
    elements = open_data_set(source, reader, header.transfer_syntax_uid, keep_sequences=False)
    elements.go_to(header.pixel_data_offset)
    implicit_vr, _ = header.data_set.original_encoding
    elements.read(implicit_vr=bool(implicit_vr), stop_at=lambda tag: tag in PIXEL_DATA_TAGS)
    elements.pass_over()
