"""Many studies of fewer patients, published by several processes at once."""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from imaging.fhir.primitives import Resource
from imaging.model.revision import Revision
from imaging.pipeline.publish_study import PublishStudy
from tests.fhir.checks import content, expected
from tests.fhir.world import Try, World, nap
from tests.unit.fhir.samples import LINKS


def side_by_side(world: World, revisions: Sequence[Revision], processes: int) -> list[list[Try]]:
    """Deliver the messages of all revisions, as many at once as there are processes; the tries of each."""
    own = threading.local()
    starting = threading.Barrier(processes)

    def start() -> None:
        own.process = world.process()
        starting.wait()

    def deliver(made: Revision) -> list[Try]:
        process: PublishStudy = own.process
        return world.deliver(made.study, made.number, process=process, wait=nap)

    with ThreadPoolExecutor(processes, initializer=start) as pool:
        return list(pool.map(deliver, revisions))


def new_studies(world: World, patients: int, of_each: int) -> list[Revision]:
    """First revisions, finalized, in an order in which those of a patient are not together."""
    made = [
        world.revision(world.new_study(), PatientID=f"{world.patient_id}-{patient}", instances=1 + number % 3)
        for patient in range(patients)
        for number in range(of_each)
    ]
    random.Random(patients).shuffle(made)
    for each in made:
        world.finalize(each)
    return made


def check_all(world: World, made: Sequence[Revision]) -> None:
    """Each ImagingStudy once and as its revision says, each Patient once, and no entries."""
    found = _ours(world, "ImagingStudy", lambda study: study.get("meta", {}).get("source") == LINKS.space(world.space))
    patients = _ours(
        world,
        "Patient",
        lambda patient: patient.get("identifier", [{"value": ""}])[0]["value"].startswith(world.patient_id),
    )
    (endpoint,) = world.endpoints()
    by_uid = {study["identifier"][0]["value"]: study for study in found}
    by_patient_id = {patient["identifier"][0]["value"]: patient for patient in patients}
    assert len(found) == len(by_uid) == len(made)
    assert len(patients) == len(by_patient_id) == len({each.attributes["00100020"]["Value"][0] for each in made})
    for each in made:
        study = by_uid[f"urn:oid:{each.study.study_instance_uid}"]
        assert content(study, each) == expected(world, each, study)
        subject = by_patient_id[each.attributes["00100020"]["Value"][0]]
        assert study["subject"] == {"reference": f"Patient/{subject['id']}"}
        assert study["endpoint"] == [{"reference": f"Endpoint/{endpoint['id']}"}]
    assert world.errors.read_errors(world.space, None, after="", limit=1000) == ([], "")
    assert sorted(world.pending.published, key=str) == sorted(((each.study, each.number) for each in made), key=str)


def _ours(world: World, resource_type: str, is_ours: Callable[[Resource], Any]) -> list[Resource]:
    return [resource for resource in world.found(resource_type) if is_ours(resource)]
