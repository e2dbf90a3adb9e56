"""What a server that nobody here wrote makes of our Bundles: all of one is written, or nothing."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from imaging.aws.fhir_server import HttpFhirServer
from imaging.errors import Rejected
from imaging.fhir.transaction import put, transaction
from imaging.ports.outside import VersionConflict
from tests.fhir.checks import check_published
from tests.fhir.world import World


@pytest.fixture
def server(fhir_address: str) -> Iterator[HttpFhirServer]:
    server = HttpFhirServer(fhir_address)
    yield server
    server.close()


def test_one_with_a_write_over_a_newer_version_is_refused_whole(world: World, server: HttpFhirServer) -> None:
    world.publish(made := world.revision(world.new_study()))
    study = check_published(world, made)
    (patient,) = world.patients()
    renamed, stale = {**patient, "active": True}, {**study, "meta": {"versionId": "999"}}
    with pytest.raises(VersionConflict, match="412"):
        server.transact(transaction([put(patient["id"], renamed, patient), put(study["id"], stale, stale)]))
    assert world.patients() == [patient]
    assert check_published(world, made) == study


def test_what_is_not_fhir_is_refused_for_good(server: HttpFhirServer) -> None:
    without_subject = {"resourceType": "ImagingStudy", "id": "x", "status": "available"}
    with pytest.raises(Rejected, match="400"):
        server.transact(transaction([put(str(uuid4()), without_subject, None)]))
