"""A study's life of four revisions, looked at after each."""

from tests.fhir.checks import check_absent, check_published
from tests.fhir.world import World, versions


def live(world: World) -> None:
    """Stored, changed, deleted, stored again; each time all is right, and nothing is written twice."""
    study = world.new_study()
    life = [
        world.revision(study, 1),
        world.revision(study, 2, instances=2, PatientName="Roe^Jane"),
        world.revision(study, 3, instances=0),
        world.revision(study, 4),
    ]
    for made in life:
        tries = world.publish(made)
        assert not tries[-1].failure
        if made.instances:
            check_published(world, made)
        else:
            check_absent(world, made)
    assert versions(world.patients()) == [3], "Doe, Roe, Doe"
    assert versions(world.endpoints()) == [1]
