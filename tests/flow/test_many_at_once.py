"""Many senders at a time: exactly one revision, one ImagingStudy and every instance for each study."""

from concurrent.futures import ThreadPoolExecutor

from tests.flow.client import eventually, instances_of, new_study

STUDIES = 40
INSTANCES = 5


def test_forty_studies_of_five_instances_stored_concurrently(client):
    studies = [new_study(space="research", instances=INSTANCES) for _ in range(STUDIES)]

    def send(keys):
        patient_id = f"P{keys[0].study_instance_uid[-8:]}"
        answer = client.stow(instances_of(keys, PatientID=patient_id), space="research")
        assert answer.status_code == 200, answer.text

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, studies))

    for keys in studies:
        revision = eventually("all published", lambda keys=keys: client.imaging_studies(keys[0]), seconds=240)
        assert [one["numberOfInstances"] for one in revision] == [INSTANCES]
    histories = [client.revisions(keys[0]) for keys in studies]
    assert sum(map(len, histories)) == STUDIES
    assert sum(entry["instances"] for history in histories for entry in history) == STUDIES * INSTANCES
    for keys, (entry,) in zip(studies, histories, strict=True):
        assert {one["instance"] for one in entry["additions"]} == {key.sop_instance_uid for key in keys}
