"""`make run`: starts with one command, shows what becomes of the sample study, and stops in good order."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.flow.running_system import ROOT, RunningSystem


@pytest.fixture(scope="module")
def shown(own_system: Callable[..., RunningSystem]) -> RunningSystem:
    """A system that shows the sample study."""
    return own_system(SAMPLE="yes")


def wait_for(system: RunningSystem, text: str, timeout_seconds: float = 90) -> str:
    deadline = time.monotonic() + timeout_seconds
    while text not in (output := system.output.read_text()):
        assert time.monotonic() < deadline, output
        time.sleep(0.1)
    return output


def test_shows_the_sample_study_at_every_stage(shown: RunningSystem) -> None:
    shown.start()

    output = wait_for(shown, "The system is up.")

    stages = ["stored", "stored", "indexed", "revision", "announced", "published", "retrieved"]
    assert re.findall(rf"^({'|'.join(stages)}) ", output, re.MULTILINE) == stages, output
    for address in re.findall(r"http://\S+/(?:metadata|revisions/1|ImagingStudy/\S+|instances/\S+)", output):
        assert httpx.get(address, trust_env=False).status_code == 200, address
    assert "byte for byte" in output


def test_a_stop_is_clean_and_withdraws_the_endpoints(shown: RunningSystem) -> None:
    assert shown.stop() == 0
    assert not (shown.state_dir / "endpoints.json").exists()


def test_a_second_start_takes_seconds_and_finds_everything(shown: RunningSystem) -> None:
    started = time.monotonic()
    shown.start()
    took = time.monotonic() - started

    output = wait_for(shown, "The system is up.")

    assert "already there, as revision 1: nothing changed" in output
    assert re.search(r"^published .*/ImagingStudy/", output, re.MULTILINE)
    assert "synthesising" not in output
    assert took < 30


def test_a_start_after_a_kill_finds_everything(shown: RunningSystem) -> None:
    shown.kill()
    shown.start()
    assert "already there, as revision 1: nothing changed" in wait_for(shown, "The system is up.")


def test_ctrl_c_stops_it_cleanly(shown: RunningSystem) -> None:
    os.killpg(shown.endpoints["pid"], signal.SIGINT)
    assert shown.wait() == 0


def test_a_part_that_dies_is_named_with_its_log(shown: RunningSystem) -> None:
    shown.start()
    wait_for(shown, "The system is up.")
    os.kill(pid_listening_on(shown.endpoints["dimse"]["port"]), signal.SIGKILL)

    assert shown.wait() == 1

    log = re.search(r"The DIMSE endpoint has ended by itself; (\S+) says why", shown.output.read_text())
    assert log
    assert Path(log[1]).exists()


def pid_listening_on(port: int) -> int:
    inode = next(
        fields[9]
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[1].endswith(f":{port:04X}") and fields[3] == "0A"
    )
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if str(descriptor.readlink()) == f"socket:[{inode}]":
                return int(descriptor.parts[2])
    raise AssertionError(f"nobody listens on {port}")


def test_the_endpoints_are_those_of_the_contract(system: RunningSystem) -> None:
    endpoints = system.endpoints
    front = f"http://127.0.0.1:{system.environment['PORT']}"

    assert endpoints["front"] == front
    for name in ("main", "research"):
        space = endpoints["spaces"][name]
        assert (space["dicomweb"], space["ae_title"]) == (f"{front}/spaces/{name}", name.upper())
        assert space["bucket"]
    assert endpoints["dimse"] == {"host": "127.0.0.1", "port": int(system.environment["DIMSE_PORT"])}
    assert (endpoints["fhir"], endpoints["viewer"]) == (f"{front}/fhir", f"{front}/viewer")
    assert endpoints["aws"].keys() == {"endpoint_url", "region", "event_bus", "manifest_table"}
    assert all(endpoints["aws"].values())


def test_health_tells_that_every_part_is_up(system: RunningSystem) -> None:
    answer = httpx.get(f"{system.front}/health", trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert set(answer.json()["parts"].values()) == {"ok"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_it_listens_on_127_0_0_1_only(system: RunningSystem) -> None:
    for name in ("PORT", "DIMSE_PORT", "AWS_PORT"):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.2", int(system.environment[name]))) != 0, name


def test_a_second_run_on_the_same_state_is_refused_in_a_sentence(system: RunningSystem) -> None:
    second = RunningSystem(system.state_dir.with_name("second"), STATE_DIR=str(system.state_dir))
    second.launch()
    assert second.wait() == 1
    assert f"Another run (process {system.endpoints['pid']}) uses" in second.output.read_text()
    assert json.loads((system.state_dir / "endpoints.json").read_text()) == system.endpoints


def test_a_port_in_use_is_named_in_a_sentence(system: RunningSystem, tmp_path: Path) -> None:
    port = system.environment["PORT"]
    second = RunningSystem(tmp_path / "state", PORT=port)
    second.launch()
    assert second.wait() == 1
    assert f"Port {port} is in use" in second.output.read_text()


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="the tests run in another environment than make's")
def test_make_passes_its_settings_on_and_the_sentence_back() -> None:
    made = subprocess.run(
        ["make", "run", "PYTHON=true", "QUIET_SECONDS=soon"],  # the environment is there already
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode != 0
    assert made.stderr.startswith("QUIET_SECONDS must be a whole number from 1 to 86400, not 'soon'.\n")
