"""The process, its log and its signals."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.dimse.endpoint import SPACES
from tests.unit.dimse.files import association_for, send
from tests.unit.dimse.pdus import associate, connect

REPOSITORY = Path(__file__).parents[3]


class Process:
    """A running DIMSE process; its output is collected as it comes."""

    def __init__(self, **environment: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.dimse.process"],
            cwd=REPOSITORY,
            env={**os.environ, **ENVIRONMENT, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.output: list[str] = []
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.child.stdout:
            with self._came:
                self.output.append(line)
                self._came.notify_all()

    @property
    def log(self) -> list[dict]:
        return [json.loads(line) for line in self.output if line.startswith("{")]

    def wait_for(self, message: str) -> dict:
        return json.loads(self.wait_for_line(f'"message":"{message}"'))

    def wait_for_line(self, part: str) -> str:
        def found():
            return next((line for line in self.output if part in line), None)

        with self._came:
            assert self._came.wait_for(found, timeout=20), self.output
        return found()

    @property
    def port(self) -> int:
        return self.wait_for("Listening for DICOM associations")["port"]

    def stop(self, seconds: float = 20) -> tuple[int, str]:
        """SIGTERM; the exit code and what it wrote to standard error."""
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(seconds)
        self._reader.join(5)
        return code, self.child.stderr.read()

    def close(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self._reader.join(5)
        self.child.stdout.close()
        self.child.stderr.close()


ENVIRONMENT = {
    "SPACES": json.dumps(
        [{"name": space.name, "bucket": space.bucket, "ae_title": space.ae_title} for space in SPACES.values()]
    ),
    "DIMSE_PORT": "0",
    "DIMSE_BIND_ADDRESS": "127.0.0.1",
    "DIMSE_MAX_ASSOCIATIONS": "20",
    "POWERTOOLS_SERVICE_NAME": "dimse",
    "POWERTOOLS_METRICS_NAMESPACE": "ImagingIngestion",
}


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def start_one(**environment: str) -> Process:
        running.append(Process(**environment))
        return running[-1]

    yield start_one
    for process in running:
        process.close()


def test_an_association_is_one_line_that_counts(start, make_file):
    process = start()
    whole, broken = make_file(), make_file(StudyInstanceUID=None, SOPInstanceUID="1.2.3.4")
    with association_for([whole, broken], process.port, calling="CT1") as association:
        association.send_c_store(whole)
        association.send_c_store(broken)
    line = process.wait_for("Association released")
    assert (line["calling_ae_title"], line["called_ae_title"], line["space"]) == ("CT1", "MAIN", "main")
    assert (line["Associations"], line["InstancesStored"], line["InstancesRefused"]) == ([1], [1], [1])
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
    assert (line["called_ae_title"], line["because"]) == ("NOBODY", "called AE title not recognised")
    assert line["AssociationsRejected"] == [1]


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
    process.wait_for_line("STORING main")
    code, complaints = process.stop()
    sender.join(10)
    assert (code, complaints, answers) == (0, "", [0x0000])
    assert sum(line.startswith("STORED main") for line in process.output) == 1


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
    second = start(DIMSE_PORT=port)
    assert second.child.wait(20) == 1
    assert second.child.stderr.read() == (
        f"Port {port} cannot be used (Address already in use); set DIMSE_PORT to another.\n"
    )


def test_a_missing_setting_is_one_clear_sentence(start):
    process = start(DIMSE_BIND_ADDRESS="")
    assert process.child.wait(20) == 1
    complaints = process.child.stderr.read()
    assert complaints == "The environment variable DIMSE_BIND_ADDRESS is missing; the stack sets it on every process.\n"
