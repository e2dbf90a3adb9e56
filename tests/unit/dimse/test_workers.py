"""Several processes on one port, and the one that watches over them."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from imaging.dimse.tls import client_context
from infra.local.ports import any_free_port
from tests.unit.dimse.certificates import authority
from tests.unit.dimse.files import data_set_of
from tests.unit.dimse.pdus import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_RELEASE_RP,
    A_RELEASE_RQ_PDU,
    associate,
    association_request,
    connect,
    read_pdu,
    store_request,
)

P_DATA_TF = 0x04


@pytest.fixture
def data_set(make_file) -> bytes:
    return data_set_of(make_file(SOPInstanceUID="1.2.3.4").read_bytes())


def store(connection, data_set: bytes) -> bool:
    """Whether an instance was acknowledged with success over an association."""
    for pdu in store_request(data_set):
        connection.sendall(pdu)
    response = read_pdu(connection)
    return response[:1] == bytes([P_DATA_TF]) and b"\x00\x00\x00\x09\x02\x00\x00\x00\x00\x00" in response


def store_once(port: int, data_set: bytes) -> bool:
    with associate(port) as connection:
        stored = store(connection, data_set)
        connection.sendall(A_RELEASE_RQ_PDU)
        assert read_pdu(connection)[0] == A_RELEASE_RP
        return stored


def in_flight(process) -> Iterator[int]:
    """What the supervisor says from now on."""
    seen = len(process.wait_for_lines("AssociationsInFlight"))
    while True:
        seen += 1
        process.wait_for_lines("AssociationsInFlight", seen)
        yield [line["AssociationsInFlight"] for line in process.log if "AssociationsInFlight" in line][-1][0]


def test_fifty_associations_at_once_beside_fifty_idle_ones_are_served_by_all_workers(start, data_set):
    process = start(DIMSE_MAX_ASSOCIATIONS="100", TELL_SECONDS="0.3", HOLD_SECONDS="0.2")
    port = process.port
    with ExitStack() as open_connections, ThreadPoolExecutor(50) as pool:
        for _ in range(50):
            open_connections.enter_context(associate(port))
        assert next(in_flight(process)) == 50
        assert all(pool.map(lambda _: store_once(port, data_set), range(50)))
    assert max(Counter(words[-1] for words in process.told("STORED")).values()) < 40
    assert 0 in in_flight(process)
    assert process.stop() == (0, "")


def test_no_more_than_the_limit_over_all_workers(start):
    process = start(DIMSE_MAX_ASSOCIATIONS="5")
    port = process.port

    def asked(_: int) -> tuple[object, bytes]:
        connection = connect(port)
        connection.sendall(association_request())
        return connection, read_pdu(connection)

    with ThreadPoolExecutor(12) as pool, ExitStack() as open_connections:
        answers = list(pool.map(asked, range(12)))
        for connection, _ in answers:
            open_connections.enter_context(connection)
    assert Counter(answer[0] for _, answer in answers) == {A_ASSOCIATE_AC: 5, A_ASSOCIATE_RJ: 7}
    # transient, presentation, local limit exceeded: PS3.8 Table 9-21
    assert {tuple(answer[7:10]) for _, answer in answers if answer[0] == A_ASSOCIATE_RJ} == {(2, 3, 2)}
    assert process.wait_for("Association rejected")["reason"] == "too many associations"


def test_a_killed_worker_is_replaced_and_what_it_held_is_free(start, data_set):
    process = start(DIMSE_MAX_ASSOCIATIONS="4", DIMSE_WORKERS="1", TELL_SECONDS="0.2")
    port = process.port
    assert store_once(port, data_set)
    with ExitStack() as open_connections:
        for _ in range(4):
            open_connections.enter_context(associate(port))
        os.kill(int(process.wait_for_lines("STORED main")[0].split()[-1]), signal.SIGKILL)
        assert process.wait_for("A worker died")["exit_code"] == -signal.SIGKILL
        for _ in range(4):
            open_connections.enter_context(associate(port))
        assert 4 in in_flight(process)
    assert 0 in in_flight(process)
    assert store_once(port, data_set)
    assert len({line.split()[-1] for line in process.wait_for_lines("STORED main", 2)}) == 2
    assert process.stop() == (0, "")


def test_what_is_acknowledged_while_it_stops_is_stored(start, make_file):
    process = start(DIMSE_STOP_SECONDS="0.7", HOLD_SECONDS="0.05")
    port = process.port

    def go_on(study: int) -> int:
        acknowledged = 0
        with associate(port) as connection, suppress(OSError):  # it may end in the middle of a message
            while True:
                path = make_file(SOPInstanceUID="1.2.3.4", StudyInstanceUID=f"1.2.{study}.{acknowledged}")
                if not store(connection, data_set_of(path.read_bytes())):
                    break
                acknowledged += 1
        return acknowledged

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(go_on, study) for study in range(1, 5)]
        process.wait_for_lines("STORED main", 8)
        assert process.stop() == (0, "")
    stored = Counter(words[2].split("/")[1].split(".")[2] for words in process.told("STORED"))
    for study, one in enumerate(running, 1):
        assert 0 < one.result() <= stored[str(study)] <= one.result() + 1


def test_workers_end_when_the_supervisor_is_gone(start, data_set):
    process = start(HOLD_SECONDS="0.5")
    port = process.port
    with ThreadPoolExecutor(1) as pool:
        stored = pool.submit(store_once, port, data_set)
        process.wait_for_lines("STORING")
        process.child.kill()
        assert stored.result(10)
    process.wait_for_lines("STOPPED", 2)
    with pytest.raises(ConnectionRefusedError):
        connect(port)


def test_a_worker_that_somebody_else_ends_ends_the_task(start, data_set):
    process = start()
    assert store_once(process.port, data_set)
    os.kill(int(process.wait_for_lines("STORED main")[0].split()[-1]), signal.SIGTERM)
    assert process.ended()[0] == 1


def test_a_worker_that_dies_at_once_is_not_started_again_and_again(start):
    process = start(DIES="at once", DIMSE_WORKERS="1")
    process.wait_for_lines("A worker died", 2)
    time.sleep(1)
    assert len(process.wait_for_lines("A worker died")) <= 3


def test_a_task_none_of_whose_workers_comes_to_serve_never_listens_and_ends(start):
    port = any_free_port()
    process = start(DIES="at once", COMPOSING_SECONDS="0.3", DIMSE_WORKERS="4", DIMSE_PORT=str(port))
    while process.child.poll() is None:
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        time.sleep(0.02)
    assert process.ended() == (1, "")
    assert 5 <= len(process.told("COMPOSING")) <= 8
    assert not any(line["message"].startswith("Listening") for line in process.log)


def test_it_listens_when_a_worker_serves_and_stops_also_before_that(start):
    port = any_free_port()
    process = start(COMPOSING_SECONDS="0.3", DIMSE_PORT=str(port))
    process.wait_for_lines("COMPOSING", 2)
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    assert process.port == port
    associate(port).close()
    assert process.stop() == (0, "")

    another = start(COMPOSING_SECONDS="0.3", DIMSE_PORT=str(port))
    another.wait_for_lines("COMPOSING", 2)
    assert another.stop() == (0, "")


def test_processes_for_pixels_end_with_their_worker_whoever_inherits_them(start, data_set):
    process = start(PIXELS="one a worker", HOLD_SECONDS="0.5")
    port = process.port
    (worker, pixels), (_, of_the_other) = (map(int, line.split()[1:]) for line in process.wait_for_lines("PIXELS", 2))
    os.kill(worker, signal.SIGKILL)
    assert process.wait_for("A worker died")["exit_code"] == -signal.SIGKILL
    (_, _, line) = process.wait_for_lines("PIXELS", 3)
    assert is_gone(pixels)
    assert store_once(port, data_set)
    assert process.stop() == (0, "")
    assert is_gone(of_the_other)
    assert is_gone(int(line.split()[2]))
    assert len([line for line in process.log if line["message"] == "A worker died"]) == 1


def is_gone(process_id: int) -> bool:
    """Soon, and waited for."""
    until = time.monotonic() + 5
    while os.path.exists(f"/proc/{process_id}") and time.monotonic() < until:
        time.sleep(0.02)
    return not os.path.exists(f"/proc/{process_id}")


def test_who_cannot_say_how_many_associations_run_serves_them_all_the_same(start, data_set):
    process = start(IN_FLIGHT_FAILS="yes", TELL_SECONDS="0.1")
    process.wait_for_lines("could not say", 2)
    assert store_once(process.port, data_set)
    assert process.wait_for("The supervisor could not say what it saw")["failure"] == "OSError"
    assert process.stop() == (0, "")


def test_tls_has_a_port_of_its_own(start, tmp_path):
    hospital = authority()
    for name, text in (("identity", hospital.identity("archive")), ("ca", hospital.pem)):
        (tmp_path / name).write_text(text)
    process = start(DIMSE_TLS_PORT="0", TLS_IDENTITY=str(tmp_path / "identity"), TLS_CLIENT_CA=str(tmp_path / "ca"))
    tls_port = process.wait_for("Listening for DICOM associations")["tls_port"]
    associate(process.port).close()
    assert process.wait_for("Association aborted")["tls"] is False
    context = client_context(hospital.identity("modality"), hospital.pem)
    with connect(tls_port) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        connection.sendall(association_request())
        assert read_pdu(connection)[0] == A_ASSOCIATE_AC
        connection.sendall(A_RELEASE_RQ_PDU)
        assert read_pdu(connection)[0] == A_RELEASE_RP
    assert process.wait_for("Association released")["tls"] is True
    with connect(tls_port) as connection:
        connection.sendall(association_request())
        assert read_pdu(connection) == b""
    line = process.wait_for("TLS handshake failed")
    assert (line["address"], line["why"]) == ("127.0.0.1", "the client does not speak TLS")
    assert process.stop() == (0, "")
