"""Orthanc as a modality: it sends to us, searches and fetches from us, and asks us for storage commitment."""

from uuid import uuid4

import pytest
from pydicom.uid import CTImageStorage, MRImageStorage

from tests.flow.client import eventually, instances_of, new_study
from tests.flow.dimse_nodes import ORTHANC
from tests.instances import data_set_of
from tests.orthanc import is_installed, orthanc

CONFLICT = 0x0119  # Class/instance conflict, PS3.3 Section C.14.1.1


@pytest.fixture(scope="module")
def archive(client, tmp_path_factory):
    if not is_installed():
        pytest.skip("Orthanc is not installed here; it comes with Debian's package orthanc")
    dimse = client.system.endpoints["dimse"]
    port = client.system.dimse_nodes.ports[ORTHANC]
    with orthanc(tmp_path_factory.mktemp("orthanc"), {"main": ("MAIN", dimse["port"])}, port=port) as found:
        yield found


def test_it_sends_a_study_has_it_committed_finds_it_and_fetches_it_back(client, archive):
    keys = new_study(instances=3)
    patient_id = f"P{uuid4().hex[:12]}"
    parts = dict(zip(keys, instances_of(keys, PatientID=patient_id), strict=True))
    for part in parts.values():
        archive.post("/instances", part)

    [study] = archive.get("/studies")
    sent = archive.post("/modalities/main/store", {"Resources": [study], "Synchronous": True})
    assert (sent["InstancesCount"], sent["FailedInstancesCount"]) == (3, 0)
    for key, part in parts.items():
        stored = eventually("indexed", lambda key=key: client.instance_bytes(key))
        assert data_set_of(stored) == data_set_of(part)

    good, bad, _ = (key.sop_instance_uid for key in keys)
    assert commitment(archive, {good: CTImageStorage, bad: CTImageStorage})["Status"] == "Success"
    failed = commitment(archive, {good: CTImageStorage, bad: MRImageStorage})
    assert failed["Status"] == "Failure"
    assert [each["SOPInstanceUID"] for each in failed["Success"]] == [good]
    assert [(each["SOPInstanceUID"], each["FailureReason"]) for each in failed["Failures"]] == [(bad, CONFLICT)]

    archive.forget()
    query = archive.post("/modalities/main/query", {"Level": "Study", "Query": {"PatientID": patient_id}})
    [answer] = archive.get(f"{query['Path']}/answers")
    found = archive.get(f"{query['Path']}/answers/{answer}/content?simplify")
    assert found["StudyInstanceUID"] == keys[0].study_instance_uid
    archive.post(f"{query['Path']}/answers/{answer}/retrieve", {"TargetAet": ORTHANC, "Synchronous": True})
    fetched = {each["MainDicomTags"]["SOPInstanceUID"] for each in archive.get("/instances?expand")}
    assert fetched == {key.sop_instance_uid for key in keys}


def commitment(archive, sop_class_uids):
    """What Orthanc was told of these instances and their SOP Classes."""
    references = [{"SOPClassUID": sop_class, "SOPInstanceUID": uid} for uid, sop_class in sop_class_uids.items()]
    asked = archive.post("/modalities/main/storage-commitment", {"DicomInstances": references, "Timeout": 30})

    def report():
        found = archive.get(asked["Path"])
        return found if found["Status"] != "Pending" else None

    return eventually("reported", report, 240)
