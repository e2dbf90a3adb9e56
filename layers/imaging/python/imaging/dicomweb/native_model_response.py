"""Metadata on its way out as XML, PS3.18 Section 10.4.1.1.2: one Native DICOM Model a part."""

from collections.abc import Generator
from contextlib import closing

from imaging.dicom.native_model_document import native_model_document
from imaging.dicomweb.media_types import DICOM_XML
from imaging.dicomweb.metadata_response import with_absolute_addresses
from imaging.dicomweb.multipart_body import BodyPart
from imaging.dicomweb.stream import Pieces
from imaging.model.identifiers import InstanceKey
from imaging.model.links import Links
from imaging.reading.json_array import elements


def metadata_parts(space: str, runs: Pieces, links: Links) -> Generator[BodyPart, None, None]:
    """The data sets that come in runs, each a part; it says where it can be had alone.

    Parameters
    ----------
    runs
        Each one or more data sets of DICOM JSON, joined by commas.
    """
    with closing(runs):
        for run in runs:
            for piece in with_absolute_addresses(space, run, links):
                for _, data_set in elements(piece.decode()):
                    uids = (data_set[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
                    location = f"{links.instance(InstanceKey(space, *uids))}/metadata"
                    yield BodyPart(DICOM_XML, location, _one_piece(native_model_document(data_set)))


def _one_piece(document: bytes) -> Generator[bytes, None, None]:
    yield document
