"""What must be true of a FHIR server after anything: the right resources, once, or an entry that says why not."""

from dataclasses import replace
from typing import Any

from imaging.fhir.findings import Findings
from imaging.fhir.identity import imaging_study_id
from imaging.fhir.imaging_study import imaging_study
from imaging.fhir.own_identifier import own_identifier
from imaging.fhir.primitives import Resource
from imaging.model.publication import ErrorKind
from imaging.model.revision import Revision
from tests.fhir.world import World
from tests.unit.fhir.samples import LINKS, SPACE

PATIENT_GROUP = "0010"


def check_published(world: World, made: Revision, *, entries: tuple[ErrorKind, ...] = ()) -> Resource:
    """One Patient, Endpoint and ImagingStudy, which says what the revision says; returns the ImagingStudy."""
    (study,) = world.studies(made.study)
    (patient,) = world.patients(made.attributes["00100020"]["Value"][0])
    (endpoint,) = world.endpoints()
    assert study["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert study["endpoint"] == [{"reference": f"Endpoint/{endpoint['id']}"}]
    assert content(study, made) == expected(world, made, study)
    check_entries(world, made, *entries)
    return study


def check_absent(world: World, made: Revision, *entries: ErrorKind) -> None:
    """No ImagingStudy of it, and entries of these kinds."""
    assert world.studies(made.study) == []
    check_entries(world, made, *entries)


def check_entries(world: World, made: Revision, *kinds: ErrorKind) -> None:
    """The entries of a study, which never tell of its patient."""
    found = world.entries(made.study)
    assert [entry.kind for entry in found] == list(kinds)
    for entry in found:
        told = [text for text in texts(made) if text in entry.message]
        assert not told, f"An entry tells {told}: {entry.message}"


def expected(world: World, made: Revision, study: Resource) -> dict[str, Any]:
    """The ImagingStudy of a revision with the references that were given it."""
    mapped = imaging_study(
        made,
        space=replace(SPACE, name=made.study.space),
        subject=study["subject"],
        endpoints=study["endpoint"],
        based_on=study.get("basedOn", []),
        links=LINKS,
        policy=world.policy,
        findings=Findings(),
    )
    return content(mapped, made)


def content(study: Resource, made: Revision) -> dict[str, Any]:
    """All but what a server gives, and by what we find it again where it gives the id."""
    own = own_identifier(imaging_study_id(made.study))
    kept = {name: value for name, value in study.items() if name not in ("id", "meta")}
    return {**kept, "identifier": [each for each in study["identifier"] if each != own]}


def texts(made: Revision) -> set[str]:
    """What the revision says of the patient."""
    values = [
        value
        for tag, element in made.attributes.items()
        if tag.startswith(PATIENT_GROUP)
        for value in element.get("Value", [])
    ]
    groups = [group for value in values for group in (value.values() if isinstance(value, dict) else [value])]
    return {part for group in groups if isinstance(group, str) for part in group.split("^") if len(part) > 2}
