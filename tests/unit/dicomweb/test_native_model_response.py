"""Metadata as XML, PS3.18 Section 10.4.1.1.2."""

import json
from collections.abc import Iterator
from typing import Any

from imaging.dicom.native_model import read_native_model
from imaging.dicomweb.multipart_body import BodyPart, Boundary, multipart
from imaging.dicomweb.native_model_response import metadata_parts
from imaging.model.links import Links

LINKS = Links("https://imaging.example.org")
ADDRESS = "https://imaging.example.org/spaces/main/studies/1.2.1/series/1.2.2/instances"


def data_set(instance: str) -> dict[str, Any]:
    return {
        "00080018": {"vr": "UI", "Value": [instance]},
        "0020000D": {"vr": "UI", "Value": ["1.2.1"]},
        "0020000E": {"vr": "UI", "Value": ["1.2.2"]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "bulkdata/7FE00010"},
    }


class Runs:
    def __init__(self, *runs: bytes) -> None:
        self._runs = iter(runs)
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._runs)

    def close(self) -> None:
        self.is_closed = True


def run(*instances: str) -> bytes:
    return ",".join(json.dumps(data_set(instance), separators=(",", ":")) for instance in instances).encode()


def content(part: BodyPart) -> dict[str, Any]:
    (found,) = read_native_model(b"".join(part.pieces))
    return found


def test_each_data_set_is_a_part_of_its_own_and_says_where_it_is() -> None:
    parts = list(metadata_parts("main", Runs(run("1.1", "1.2"), run("1.3")), LINKS))
    assert [part.location for part in parts] == [f"{ADDRESS}/1.{number}/metadata" for number in (1, 2, 3)]
    assert {part.media_type for part in parts} == {"application/dicom+xml"}


def test_bulk_data_has_an_absolute_address() -> None:
    (part,) = metadata_parts("main", Runs(run("1.1")), LINKS)
    assert content(part) == data_set("1.1") | {
        "7FE00010": {"vr": "OW", "BulkDataURI": f"{ADDRESS}/1.1/bulkdata/7FE00010"}
    }


def test_parts_make_a_multipart_body() -> None:
    boundary = Boundary("xyz")
    body = b"".join(multipart(boundary, metadata_parts("main", Runs(run("1.1", "1.2")), LINKS)))
    assert body.count(b"--xyz\r\nContent-Type: application/dicom+xml\r\n") == 2
    assert body.endswith(b"</NativeDicomModel>\r\n--xyz--\r\n")


def test_nothing_is_read_before_it_is_asked_for_and_closing_ends_it() -> None:
    runs = Runs(run("1.1"), run("1.2"))
    parts = metadata_parts("main", runs, LINKS)
    next(parts)
    parts.close()
    assert runs.is_closed
