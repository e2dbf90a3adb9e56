"""Whole studies with their resources as written by hand from the standard."""

import json
from pathlib import Path

import pytest

from imaging.fhir.endpoint import endpoint
from imaging.fhir.imaging_study import imaging_study
from imaging.fhir.patient import patient
from imaging.fhir.primitives import Resource
from imaging.fhir.validation import checked
from imaging.model.revision import Revision
from tests.unit.fhir.revision_files import CT, MR, revision_of
from tests.unit.fhir.samples import LINKS, SPACE


def mapped(revision: Revision) -> list[Resource]:
    subject = patient(revision.attributes, SPACE, LINKS)
    return [subject, endpoint("main", LINKS), imaging_study(revision, subject["id"], LINKS)]


@pytest.mark.parametrize(("name", "files"), [("ct", CT), ("mr", MR)])
def test_a_study_becomes_the_resources_written_by_hand(name, files):
    expected = json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text())
    assert mapped(revision_of(files)) == expected


@pytest.mark.parametrize("files", [CT, MR])
def test_every_resource_is_valid_fhir(files):
    for resource in mapped(revision_of(files)):
        checked(resource)
