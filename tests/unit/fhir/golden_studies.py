"""Whole studies, each with its resources as written by hand from the standards.

``golden/<name>.json`` has the attributes of its instances by keyword, those of
study and series once, and the resources: Patient, Endpoint, ImagingStudy.
"""

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom.config
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from imaging.fhir.primitives import Resource
from imaging.model.revision import Revision
from tests.unit.fhir.revision_files import revision_of_objects

_GOLDEN = Path(__file__).parent / "golden"
_ENDPOINT: Resource = json.loads((_GOLDEN / "endpoint.json").read_text())
_STUDIES: dict[str, Any] = {
    file.stem: json.loads(file.read_text()) for file in sorted(_GOLDEN.glob("*.json")) if file.stem != "endpoint"
}

ALL: list[tuple[str, list[Resource]]] = [
    (name, [study["patient"], _ENDPOINT, study["imaging_study"]]) for name, study in _STUDIES.items()
]


def revision(name: str) -> Revision:
    """The study as our own code reads it from files."""
    return revision_of_objects(files(name))


def files(name: str) -> Iterator[bytes]:
    """The study's instances as Part 10 files."""
    study = _STUDIES[name]
    for series in study["series"]:
        of_series = {keyword: value for keyword, value in series.items() if keyword != "instances"}
        for instance in series["instances"]:
            yield _part10({**study["study"], **of_series, **instance})


def _part10(attributes: Mapping[str, Any]) -> bytes:
    with pydicom.config.disable_value_validation():  # a partial date is no Date, and devices write it all the same
        ds = _data_set(attributes)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = BytesIO()
        ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _data_set(attributes: Mapping[str, Any]) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        is_sequence = dictionary_VR(tag_for_keyword(keyword) or 0) == "SQ"
        setattr(ds, keyword, [_data_set(item) for item in value] if is_sequence else value)
    return ds
