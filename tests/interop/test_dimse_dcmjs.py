"""dcmjs-dimse, a client in JavaScript, asks for all that the DIMSE endpoint offers."""

from uuid import uuid4

from pydicom.uid import CTImageStorage

from tests.flow.client import eventually, new_study
from tests.flow.dimse_nodes import MOVE_DESTINATION
from tests.instances import data_set_of, part10_instance
from tests.interop.dcmjs import send
from tests.unit.dimse.nodes import storescp

PENDING, SUCCESS = 0xFF00, 0


def statuses(responses):
    return [response["status"] for response in responses]


def test_echo_and_store(client, endpoints, tmp_path):
    (key,) = new_study()
    file = tmp_path / "new.dcm"
    file.write_bytes(part10_instance(key))
    outcome = send(endpoints["dimse"], [{"kind": "echo"}, {"kind": "store", "file": str(file)}])
    assert [statuses(responses) for responses in outcome["responses"]] == [[SUCCESS], [SUCCESS]]
    eventually("indexed", lambda: client.instance_bytes(key))


def test_search_both_ways_to_retrieve_and_commitment_over_one_association(client, endpoints, held_study, tmp_path):
    study = held_study.study_instance_uid
    of_study = {"StudyInstanceUID": study, "PatientID": held_study.patient_id, "PatientName": ""}
    transaction = f"2.25.{uuid4().int}"
    with storescp(tmp_path, port=client.system.dimse_nodes.ports[MOVE_DESTINATION]):
        outcome = send(
            endpoints["dimse"],
            [
                {"kind": "find", "keys": of_study},
                {"kind": "get", "study": study},
                {"kind": "move", "study": study, "destination": MOVE_DESTINATION},
                {
                    "kind": "commit",
                    "transaction": transaction,
                    "instances": [[CTImageStorage, uid] for uid in held_study.data_sets],
                },
            ],
            linger_seconds=60,
        )
    assert outcome["failure"] is None
    found, got, moved, commit = outcome["responses"]
    assert statuses(commit) == [SUCCESS]
    assert statuses(found) == [PENDING, SUCCESS]
    assert found[0]["found"]["PatientName"] == [{"Alphabetic": "Buc^Jérôme"}]
    assert (got[-1]["status"], got[-1]["completed"]) == (SUCCESS, 4)
    assert set(outcome["stored"]) == set(held_study.data_sets)
    assert (moved[-1]["status"], moved[-1]["completed"]) == (SUCCESS, 4)
    assert {data_set_of(path.read_bytes()) for path in tmp_path.iterdir()} == set(held_study.data_sets.values())
    [report] = outcome["reported"]
    assert (report["event"], report["TransactionUID"]) == (1, transaction)


def test_echo_over_tls(client, endpoints):
    outcome = send(endpoints["dimse"], [{"kind": "echo"}], trusted=client.system.dimse_certificate)
    assert outcome["failure"] is None
    assert statuses(outcome["responses"][0]) == [SUCCESS]
