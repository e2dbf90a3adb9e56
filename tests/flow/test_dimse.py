"""A modality and a workstation at the running system's DIMSE endpoint: large images, every search, commitment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from imaging.model.identifiers import InstanceKey
from infra.local.settings import HOST
from tests.flow.client import Client, eventually, instances_of, new_study
from tests.flow.dimse_nodes import REQUESTER
from tests.instances import data_set_of, part10_instance

FRAMES = 300
FRAME_BYTES = 8 * 8 * 2
LARGE_BYTES = 24 * 1024 * 1024  # goes to S3 in several parts


@contextmanager
def associated(
    client: Client, *sop_class_uids: str, calling: str = "TESTS", handlers: tuple = (), stores: tuple[str, ...] = ()
) -> Iterator[Association]:
    """An association for these services, and to be sent instances of the SOP Classes that `stores` names."""
    ae = AE(calling)
    for uid in sop_class_uids:
        ae.add_requested_context(uid)
    for uid in stores:
        ae.add_requested_context(uid, ExplicitVRLittleEndian)
    dimse = client.system.endpoints["dimse"]
    roles = [build_role(uid, scp_role=True) for uid in stores]
    association = ae.associate(dimse["host"], dimse["port"], ae_title="MAIN", ext_neg=roles, evt_handlers=[*handlers])
    assert association.is_established
    yield association
    association.release()


def identifier(level: str, **keys: str) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(ds, name, value)
    return ds


@pytest.fixture(scope="module")
def held(client: Client) -> InstanceKey:
    """A study that is stored and indexed, with values that no other has."""
    (key,) = new_study()
    unique = uuid4().hex[:10].upper()
    attributes = {
        "PatientID": f"P{unique}",
        "PatientName": f"N{unique}^Jane",
        "AccessionNumber": f"A{unique}",
        "StudyDate": "19470203",
        "Modality": "XA",
    }
    assert client.c_store([part10_instance(key, **attributes)]) == [0]
    eventually("indexed", lambda: client.instance_bytes(key))
    return key


def found_by(client: Client, model: str, asked: Dataset) -> list[Dataset]:
    with associated(client, model) as association:
        answers = [*association.send_c_find(asked, model)]
    assert answers[-1][0].Status == 0, answers[-1]
    return [found for status, found in answers[:-1]]


def test_a_study_is_found_by_everything_that_is_indexed(client, held):
    patient_root, study_root = (
        PatientRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelFind,
    )
    metadata = client.get(held, "/metadata").json()[0]
    patient_id, accession_number = metadata["00100020"]["Value"][0], metadata["00080050"]["Value"][0]
    family_name = metadata["00100010"]["Value"][0]["Alphabetic"].partition("^")[0]
    study, series = {"StudyInstanceUID": ""}, {"StudyInstanceUID": "", "SeriesInstanceUID": ""}
    searches = [
        (patient_root, identifier("STUDY", PatientID=patient_id, **study)),
        (study_root, identifier("STUDY", AccessionNumber=accession_number, **study)),
        (study_root, identifier("STUDY", PatientName=f"{family_name}*", **study)),
        (study_root, identifier("STUDY", StudyDate="19470201-19470228", **study)),
        (study_root, identifier("STUDY", ModalitiesInStudy="XA", **study)),
        (study_root, identifier("SERIES", **{**series, "SeriesInstanceUID": held.series_instance_uid})),
        (study_root, identifier("IMAGE", **series, SOPInstanceUID=held.sop_instance_uid)),
    ]
    for model, asked in searches:
        assert held.study_instance_uid in {each.StudyInstanceUID for each in found_by(client, model, asked)}, asked
    [patient] = found_by(client, patient_root, identifier("PATIENT", PatientID=patient_id, PatientName=""))
    assert str(patient.PatientName) == f"{family_name}^Jane"


def test_a_large_image_and_one_of_many_frames_come_back_by_c_get_as_they_were_sent(client):
    """The frames' places are beside the image, as there are too many for its row."""
    large, many = new_study()[0], new_study()[0]
    parts = {
        large: part10_instance(large, PixelData=bytes(LARGE_BYTES), Rows=4096, Columns=3072),
        many: part10_instance(
            many,
            SOPClassUID=UltrasoundMultiFrameImageStorage,
            NumberOfFrames=FRAMES,
            PixelData=bytes(range(FRAME_BYTES)) * FRAMES,
        ),
    }
    assert client.c_store(list(parts.values())) == [0, 0]
    received: dict[str, bytes] = {}

    def on_store(event: evt.Event) -> int:
        received[event.request.AffectedSOPInstanceUID] = event.request.DataSet.getvalue()
        return 0

    kinds = CTImageStorage, UltrasoundMultiFrameImageStorage
    get = StudyRootQueryRetrieveInformationModelGet
    for key, part in parts.items():
        eventually("indexed", lambda key=key: client.instance_bytes(key))
        with associated(client, get, handlers=((evt.EVT_C_STORE, on_store),), stores=kinds) as association:
            asked = identifier("STUDY", StudyInstanceUID=key.study_instance_uid)
            *_, (status, _) = association.send_c_get(asked, get)
        assert (status.Status, status.NumberOfCompletedSuboperations) == (0, 1)
        assert received[key.sop_instance_uid] == data_set_of(part)


class Requester:
    """Asks for storage commitment, hangs up, and is called back."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reports: list[Dataset] = []
        self._has_come = threading.Condition()

    def ask(self, transaction: str, sop_instance_uids: list[str]) -> None:
        information = Dataset()
        information.TransactionUID = transaction
        information.ReferencedSOPSequence = [reference(uid) for uid in sop_instance_uids]
        with associated(self._client, StorageCommitmentPushModel, calling=REQUESTER) as association:
            status, _ = association.send_n_action(
                information, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
            assert status.Status == 0
            association.release()

    def report_of(self, transaction: str) -> Dataset:
        def find() -> Dataset | None:
            return next((each for each in self._reports if each.TransactionUID == transaction), None)

        with self._has_come:
            assert self._has_come.wait_for(lambda: find() is not None, 150)
        found = find()
        assert found is not None
        return found

    def hear(self, event: evt.Event) -> tuple[int, None]:
        with self._has_come:
            self._reports.append(event.event_information)
            self._has_come.notify_all()
        return 0, None


def reference(sop_instance_uid: str) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = CTImageStorage, sop_instance_uid
    return ds


@pytest.fixture
def requester(client: Client) -> Iterator[Requester]:
    requester = Requester(client)
    ae = AE(REQUESTER)
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    port = client.system.dimse_nodes.ports[REQUESTER]
    server = ae.start_server((HOST, port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, requester.hear)])
    yield requester
    server.shutdown()


def test_commitment_is_reported_over_an_association_of_ours_when_the_requester_has_hung_up(client, requester):
    keys = new_study(instances=2)
    uids = [key.sop_instance_uid for key in keys]
    transaction = f"2.25.{uuid4().int}"
    assert client.c_store(instances_of(keys)) == [0, 0]
    requester.ask(transaction, uids)  # at once: it is waited for until they are indexed
    report = requester.report_of(transaction)
    assert {each.ReferencedSOPInstanceUID for each in report.ReferencedSOPSequence} == set(uids)
    assert "FailedSOPSequence" not in report
