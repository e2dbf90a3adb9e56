"""Whole studies go to a server that nobody here wrote: it accepts them, and has them as they were mapped."""

from collections.abc import Callable

import pytest

from imaging.fhir.primitives import Resource
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind
from imaging.model.revision import Revision
from tests.fhir.checks import content, expected
from tests.fhir.world import World, versions
from tests.unit.fhir.golden_studies import ALL
from tests.unit.fhir.golden_studies import revision as golden_revision
from tests.unit.fhir.revision_files import CT, MR, revision_of
from tests.unit.fhir.samples import attributes, instance, revision, series

HOSTILE = revision(
    series(
        "1.9.1",
        instance("1.9.1.1", InstanceNumber=-1),
        modality="c\x00t",
        SeriesDescription="<b>\x1b[2J",
        BodyPartExamined="\x01",
        SeriesNumber=2**40,
    ),
    study=StudyKey("main", "1.9"),
    of_study=attributes(
        PatientID="9|9,9$\\",
        IssuerOfPatientID="St. Mary / East|1",
        PatientName="^\x00^^^",
        StudyDescription="  \ud800x\x00  ",
        StudyDate="20260230",
        PatientBirthDate="1970",
    ),
)
EMPTY = revision(
    series("1.0.1", instance("1.0.1.1"), modality=""), study=StudyKey("main", "1.0"), of_study=attributes(PatientID="0")
)


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world(space="main")


def there(world: World, resources: list[Resource]) -> list[Resource | None]:
    return [world.at(f"{resource['resourceType']}/{resource['id']}") for resource in resources]


def as_written(resource: Resource | None) -> Resource:
    """Without what the server adds."""
    meta = {name: value for name, value in resource["meta"].items() if name not in ("versionId", "lastUpdated")}
    kept = {name: value for name, value in resource.items() if name != "meta"}
    return {**kept, "meta": meta} if meta else kept


@pytest.mark.parametrize(("name", "by_hand"), ALL, ids=[name for name, _ in ALL])
def test_a_study_is_there_as_written_by_hand_and_publishing_again_makes_no_version(
    world: World, name: str, by_hand: list[Resource]
) -> None:
    made = golden_revision(name)
    world.publish(made)
    before = there(world, by_hand)
    assert [as_written(resource) for resource in before] == by_hand
    assert world.kinds(made.study) == []
    world.deliver(made.study, made.number)
    assert there(world, by_hand) == before
    assert len(world.faulty.transactions) == 1


@pytest.mark.parametrize(
    ("made", "entries"),
    [
        (revision_of(CT), ()),
        (revision_of(MR), ()),
        (HOSTILE, (ErrorKind.INVALID_TAG,)),
        (EMPTY, ()),
    ],
    ids=["ct", "mr", "hostile", "all empty"],
)
def test_whatever_a_device_writes_is_there_as_it_was_mapped(
    world: World, made: Revision, entries: tuple[ErrorKind, ...]
) -> None:
    for _ in range(2):
        world.publish(made)
        (study,) = world.studies(made.study)
        assert versions([study]) == [1]
        assert content(study, made) == expected(world, made, study)
    assert world.kinds(made.study) == list(entries)
