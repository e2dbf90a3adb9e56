"""DocumentReferences and dose Observations on a server that validates them: with their study they come and go."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from pydicom.uid import BasicTextSRStorage, XRayRadiationDoseSRStorage

from imaging.dicom.attributes import indexed
from imaging.fhir.primitives import Resource
from imaging.model.identifiers import StudyKey
from imaging.model.revision import Revision
from tests.fhir.checks import check_absent, check_published
from tests.fhir.faulty_server import CutsTheAnswer, HangsUp, Refuses, by_chance
from tests.fhir.test_side_by_side import EVERY_WAY
from tests.fhir.world import World, versions
from tests.unit.fhir.dose_reports import report
from tests.unit.fhir.samples import instance, series
from tests.unit.fhir.test_dose_observations import CT

METADATA_KEY = "metadata.json.gz"
DOSE_REPORT = report(*CT)


@pytest.fixture(params=EVERY_WAY.values(), ids=EVERY_WAY)
def world(request: pytest.FixtureRequest, new_world: Callable[..., World]) -> World:
    world = new_world(document_references=True, dose_observations=True)
    world.faulty.declares = request.param
    world.objects.put(world.space, METADATA_KEY, gzip.compress(json.dumps([DOSE_REPORT]).encode()))
    return world


def with_reports(world: World, study: StudyKey, number: int, *titles: str, has_dose: bool) -> Revision:
    """An image, documents of these titles, and a dose report."""
    made = world.revision(study, number)
    below = f"{study.study_instance_uid}.2"
    documents = [
        instance(f"{below}.{place}", sop_class_uid=BasicTextSRStorage, DocumentTitle=title)
        for place, title in enumerate(titles)
    ]
    dose = replace(instance(f"{below}.9", sop_class_uid=XRayRadiationDoseSRStorage), attributes=indexed(DOSE_REPORT))
    doses = [replace(series(f"{below}.8", dose, modality="SR"), metadata_key=METADATA_KEY)] if has_dose else []
    return replace(made, series=(*made.series, series(below, *documents, modality="SR"), *doses))


def documents(world: World, study: Resource) -> dict[str, Resource]:
    of_study = {"reference": f"ImagingStudy/{study['id']}"}
    found = world.found("DocumentReference")
    return {
        each.get("description", "the dose report"): each
        for each in found
        if of_study in each["context"].get("related", [])
    }


def observations(world: World, study: Resource) -> list[Resource]:
    of_study = {"reference": f"ImagingStudy/{study['id']}"}
    return [each for each in world.found("Observation") if of_study in each.get("partOf", [])]


@pytest.mark.parametrize("share", [0, 1 / 4], ids=["all goes well", "one request in four fails"])
def test_they_are_written_once_change_alone_and_go_with_their_study(world: World, share: float) -> None:
    world.faulty.plan = by_chance(share, 1, Refuses(503), HangsUp(), CutsTheAnswer())
    study = world.new_study()
    world.publish(made := with_reports(world, study, 1, "first", "second", has_dose=True))
    there = check_published(world, made)
    before, dose = documents(world, there), observations(world, there)
    assert before.keys() == {"first", "second", "the dose report"}
    assert len(dose) == 3, "the accumulated dose and two irradiation events"
    assert set(versions([*before.values(), *dose])) == {1}

    world.publish(made := with_reports(world, study, 2, "1st", has_dose=False))
    there = check_published(world, made)
    after = documents(world, there)
    assert (after.keys(), versions([*after.values()])) == ({"1st"}, [2])
    assert observations(world, there) == []

    world.publish(gone := world.revision(study, 3, instances=0))
    check_absent(world, gone)
    assert documents(world, there) == {}


def test_more_documents_than_a_server_takes_at_once_are_all_there(world: World) -> None:
    made = with_reports(world, world.new_study(), 1, *map(str, range(60)), has_dose=False)
    world.finalize(made)
    assert not world.deliver(made.study, 1)[-1].failure
    assert world.kinds(made.study) == []
    assert len(documents(world, check_published(world, made))) == 60
