"""Metadata on its way out: the DICOM JSON as stored, with absolute addresses of its bulk data."""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from imaging.dicomweb.stream import Pieces
from imaging.model.identifiers import InstanceKey
from imaging.model.links import Links
from imaging.reading.json_array import elements

_BULK_DATA_URI = '"BulkDataURI":"'


def metadata_array(space: str, runs: Pieces, links: Links) -> Generator[bytes, None, None]:
    """The JSON array of data sets that come in runs, in pieces.

    Parameters
    ----------
    runs
        Each one or more data sets, joined by commas.
    """
    before = b"["
    with closing(runs):
        for run in runs:
            for piece in with_absolute_addresses(space, run, links):
                yield before
                yield piece
                before = b","
    yield b"[]" if before == b"[" else b"]"


def with_absolute_addresses(space: str, run: bytes, links: Links) -> Iterator[bytes]:
    """Complete each BulkDataURI of a run of data sets to an address below the instance.

    It is stored relative, ``bulkdata/…``, since the deployment's public base
    address may change.
    """
    if _BULK_DATA_URI.encode() not in run:
        yield run
        return
    for text, data_set in elements(run.decode()):
        # As text, since reading and writing it again takes several times as long. It stands for nothing else: inside a
        # string its quotes would be escaped, and no name ends in it.
        yield text.replace(_BULK_DATA_URI, f"{_BULK_DATA_URI}{_address(space, data_set, links)}/").encode()


def _address(space: str, data_set: dict[str, Any], links: Links) -> str:
    uids = (data_set[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    return links.instance(InstanceKey(space, *uids))
