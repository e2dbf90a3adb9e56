"""What the index writes down of real files: the metadata that pydicom makes, and where the pixels lie."""

from fnmatch import fnmatch
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames

from imaging.dicom.bare_data_set import missing_beginning
from imaging.dicom.fragments import content_of
from imaging.dicom.header import BytesSource
from imaging.dicom.json_model import MAX_INLINE_BYTES, to_dicom_json
from imaging.dicom.outline import Outline, read_outline
from imaging.dicom.quiet import without_warnings
from tests.unit.pipeline.test_store_every_pydicom_file import FOLDER, REFUSED, dicom_files

FILES = [name for name in dicom_files() if not any(fnmatch(name, pattern) for pattern in REFUSED)]

BROKEN = {
    ("test_files/ExplVR_BigEnd.dcm", "00080020"),  # a date with dots, of ACR-NEMA
    ("test_files/ExplVR_BigEnd.dcm", "00080030"),  # and a time with colons
    ("test_files/badVR.dcm", "00280008"),  # "1A" frames, which pydicom cannot convert either
}
"""Values that break their VR: they are left out."""


def contents(name: str) -> bytes:
    content = (FOLDER / name).read_bytes()
    return missing_beginning(BytesSource(content)) + content


def of_pydicom(ds: Dataset) -> dict[str, Any]:
    """pydicom's DICOM JSON, element by element, so that one it cannot convert is left out alone."""
    attributes: dict[str, Any] = {}
    with without_warnings():
        for tag in dict(ds.items()):
            if tag.element == 0:
                continue
            try:
                element = ds[tag]
                is_compressed = element.is_undefined_length and element.VR != "SQ"
                attributes[f"{tag:08X}"] = element.to_json_dict(
                    bulk_data_element_handler=lambda element: "a link",
                    bulk_data_threshold=1 if is_compressed else (MAX_INLINE_BYTES + 2) // 3 * 4,
                )
            except ValueError:
                continue
    return attributes


def levelled(attributes: dict[str, Any]) -> dict[str, Any]:
    """Without what the standard leaves open, or where pydicom departs from it."""
    level: dict[str, Any] = {}
    for tag, attribute in attributes.items():
        changed = {name: value for name, value in attribute.items() if name != "BulkDataURI"} | {
            "vr": str(attribute["vr"])
        }
        if "BulkDataURI" in attribute:
            changed["BulkDataURI"] = "a link"
        if values := attribute.get("Value"):
            changed["Value"] = [_value(attribute["vr"], value) for value in values]
        elif "Value" in attribute:
            del changed["Value"]  # PS3.18 F.2.5: an empty sequence has no Value
        level[tag] = changed
    if "00080005" in level:
        level["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}  # PS3.18 F.2.1: JSON is UTF-8
    return level


def _value(vr: str, value: Any) -> Any:
    if vr == "SQ":
        return levelled(value)
    # PS3.18 F.2.5 has null for an empty value; PS3.5 6.2 has no meaning in the spaces around a code string
    return value.strip(" ") or None if isinstance(value, str) and vr not in {"LT", "ST", "UT", "UR"} else value


@pytest.mark.parametrize("name", FILES)
def test_metadata_is_that_of_pydicom(name: str) -> None:
    content = contents(name)
    outline = read_outline(BytesSource(content))
    left_out: list[str] = []
    ours = to_dicom_json(outline.header, left_out, further=outline.further)
    with without_warnings():
        ds = dcmread(BytesIO(content), force=True)
    theirs = of_pydicom(ds)
    assert {(name, tag) for tag in left_out} == {broken for broken in BROKEN if broken[0] == name}
    assert levelled(ours) == levelled({tag: theirs[tag] for tag in theirs if tag not in left_out})


def test_every_broken_value_that_is_expected_occurs() -> None:
    assert {name for name, _ in BROKEN} <= set(FILES)


def frames_of(content: bytes, outline: Outline) -> list[bytes]:
    layout = outline.pixel_layout
    assert layout
    assert layout.is_encapsulated
    return [content_of(content[first:end]) for first, end in pairwise(layout.frame_offsets)]


@pytest.mark.parametrize("name", FILES)
def test_pixels_lie_where_pydicom_finds_them(name: str) -> None:
    content = contents(name)
    outline = read_outline(BytesSource(content))
    layout = outline.pixel_layout
    with without_warnings():
        ds = dcmread(BytesIO(content), force=True)
        if "PixelData" not in ds or not ds.PixelData:
            assert layout is None
            return
        assert layout
        if layout.is_encapsulated:
            frames = list(generate_frames(ds.PixelData, number_of_frames=layout.description.number_of_frames))
            assert frames_of(content, outline) == [one[:-1] if one.endswith(b"\xff\xd9\0") else one for one in frames]
        elif not layout.is_deflated:
            assert content[layout.first_byte : layout.end] == ds.PixelData
            assert layout.has_frames
            assert layout.frame_range(layout.description.number_of_frames)[1] <= layout.end
