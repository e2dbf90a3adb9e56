"""The process, its log and its signals."""

import random
import threading
import time

import pytest

from tests.unit.dimse.files import association_for, send
from tests.unit.dimse.pdus import associate, connect


def test_an_association_is_one_line_that_counts(start, make_file):
    process = start()
    whole, broken = make_file(), make_file(StudyInstanceUID=None, SOPInstanceUID="1.2.3.4")
    with association_for([whole, broken], process.port, calling="CT1") as association:
        association.send_c_store(whole)
        association.send_c_store(broken)
    line = process.wait_for("Association released")
    assert (line["calling_ae_title"], line["called_ae_title"], line["space"]) == ("CT1", "MAIN", "main")
    assert (line["address"], line["tls"]) == ("127.0.0.1", False)
    assert (line["Associations"], line["InstancesStored"], line["InstancesRefused"]) == ([1], [1], [1])
    assert line["statuses"] == {"C_STORE": {"0x0000": 1, "0xC002": 1}}
    assert (line["studies"], len(line["StudyInstanceUIDs"])) == (1, 1)
    assert len(line["StoreMilliseconds"]) == 2
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "ImagingIngestion"
    assert directive["Dimensions"] == [["space", "service"]]
    refusal = process.wait_for("Refused an instance")
    assert (refusal["status"], refusal["cause"], refusal["SOPInstanceUID"]) == (
        "0xC002",
        "missing identifier",
        "1.2.3.4",
    )
    assert len(process.log) == 3
    code, complaints = process.stop()
    assert (code, complaints) == (0, "")
    assert "SECRET" not in "".join(process.output)
    assert "Doe" not in "".join(process.output)


def test_a_rejected_association_is_one_line(start):
    process = start()
    with association_for([], process.port, called="NOBODY"):
        pass
    line = process.wait_for("Association rejected")
    assert (line["called_ae_title"], line["reason"]) == ("NOBODY", "called AE title not recognised")
    assert line["AssociationsRejected"] == [1]
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["reason", "service"]]


def test_health_checks_and_strangers_fill_no_log(start):
    process = start()
    dice = random.Random(1)
    for _ in range(30):
        connect(process.port).close()
        with connect(process.port) as stranger:
            stranger.sendall(dice.randbytes(200))
    with association_for([], process.port) as association:
        assert association.send_c_echo().Status == 0x0000
    process.wait_for("Association released")
    assert len(process.log) == 2
    assert process.stop() == (0, "")


def test_sigterm_lets_a_store_come_to_its_end(start, make_file):
    process = start(HOLD_SECONDS="1.5")
    path = make_file()
    answers = []
    port = process.port
    sender = threading.Thread(target=lambda: answers.append(send(path, port).Status))
    sender.start()
    process.wait_for_lines("STORING main")
    code, complaints = process.stop()
    sender.join(10)
    assert (code, complaints, answers) == (0, "", [0x0000])
    assert len(process.told("STORED")) == 1


def test_sigterm_aborts_what_lasts_longer_than_the_stop_timeout(start):
    process = start(DIMSE_STOP_SECONDS="0.5")
    with associate(process.port):
        began = time.monotonic()
        code, complaints = process.stop()
    assert (code, complaints) == (0, "")
    assert time.monotonic() - began < 5
    assert process.log[-1]["message"] == "Association aborted"


def test_a_port_in_use_is_one_clear_sentence(start):
    port = str(start().port)
    assert start(DIMSE_PORT=port).ended() == (
        1,
        f"Port {port} cannot be used (Address already in use); set DIMSE_PORT to another.\n",
    )


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        (
            "DIMSE_BIND_ADDRESS",
            "",
            "The environment variable DIMSE_BIND_ADDRESS is missing; the stack sets it on every process.",
        ),
        (
            "POWERTOOLS_METRICS_NAMESPACE",
            "",
            "The environment variable POWERTOOLS_METRICS_NAMESPACE is missing; the stack sets it on every process.",
        ),
        ("DIMSE_CALLERS", "some", "DIMSE_CALLERS must be any or registered."),
        ("LACKS", "MANIFEST_TABLE", "MANIFEST_TABLE is missing."),  # found out by the workers
    ],
)
def test_a_setting_that_does_not_serve_is_one_clear_sentence(start, setting, value, sentence):
    code, complaints = start(DIMSE_WORKERS="1", **{setting: value}).ended()
    assert (code, complaints) == (1, f"{sentence}\n")
