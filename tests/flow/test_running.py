"""`make run` while it is up: what it tells, where it listens, and whom it keeps out."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.flow.running_system import ROOT, RunningSystem


def test_the_endpoints_are_those_of_the_contract(system: RunningSystem) -> None:
    endpoints = system.endpoints
    front = f"http://127.0.0.1:{system.environment['PORT']}"

    assert endpoints["front"] == front
    for name in ("main", "research"):
        space = endpoints["spaces"][name]
        assert (space["dicomweb"], space["ae_title"]) == (f"{front}/spaces/{name}", name.upper())
        assert space["bucket"]
    tls = {"tls_port": endpoints["dimse"]["tls_port"]}  # the tests' system has a certificate
    assert endpoints["dimse"] == {"host": "127.0.0.1", "port": int(system.environment["DIMSE_PORT"]), **tls}
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
