"""`make bench`, a little of everything: whether each row measures what it says, never how fast."""

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests import orthanc
from tests.bench.rows import LAMBDA_REQUEST_BYTES, ROWS, Route, requests_of
from tests.flow.dimse_nodes import MOVE_DESTINATION
from tests.flow.running_system import ROOT, RunningSystem


@pytest.fixture(scope="module")
def numbers(system: RunningSystem, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a quick run measured on the system."""
    file = tmp_path_factory.mktemp("bench") / "numbers.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--state-dir", str(system.state_dir)]
    destination = f"{MOVE_DESTINATION}:{system.dimse_nodes.ports[MOVE_DESTINATION]}"
    command += ["--move-destination", destination, *(["--peer-dimse"] if orthanc.is_installed() else [])]
    options = ["--recorded-calls", str(system.recorded_calls), "--json", str(file)]
    finished = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return json.loads(file.read_text())


def test_every_row_is_measured_with_one_and_with_four_clients(numbers):
    assert [(row["row"], row["kind"], row["route"], row["clients"]) for row in numbers["rows"]] == [
        (row.name, row.kind.value, row.route.value, clients) for row in ROWS for clients in (1, 4)
    ]
    assert numbers["failures"] == []


def test_every_row_stands_beside_its_floor(numbers):
    for row in numbers["rows"]:
        if not is_measured(Route(row["route"])):
            continue
        assert row["floor"]["rate"] > 0
        assert row["ours"]["rate"] > 0
        assert row["ratio"] == row["ours"]["rate"] / row["floor"]["rate"]


def test_the_calls_of_every_process_behind_a_store_are_counted_with_their_bytes(numbers):
    stores = {calls["row"]: calls for calls in numbers["calls"]}
    assert len(stores) == sum(row.stores for row in ROWS if is_measured(row.route)) + len({row.kind for row in ROWS})
    for title, calls in stores.items():
        s3 = {by["process"]: by for by in calls["by"] if by["service"] == "s3"}
        sender = s3[sender_of(title)]
        assert sender["calls"] >= calls["instances"]
        assert sender["sent_bytes"] > 1000 * calls["instances"]
        assert s3["index_instance"]["received_bytes"] > 0


def is_measured(route: Route) -> bool:
    """Whether there is a client for it."""
    return route is not Route.DIMSE or shutil.which("dcmsend") is not None


def sender_of(title: str) -> str:
    """The process that puts the objects in a row of that title."""
    if title.endswith("floor"):
        return "bench"
    for route, process in ((Route.GATEWAY, "gateway"), (Route.DIMSE, "dimse")):
        if f"({route.value})" in title:
            return process
    return "store_instance"


def test_requests_hold_as_many_files_as_fit_and_at_least_one():
    small, large = b"s" * (LAMBDA_REQUEST_BYTES // 2), b"l" * (LAMBDA_REQUEST_BYTES + 1)
    requests = requests_of((small, small, small, large, small), LAMBDA_REQUEST_BYTES)
    assert requests == [(small, small), (small,), (large,), (small,)]
