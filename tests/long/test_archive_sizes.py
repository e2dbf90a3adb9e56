"""`make bench OPTIONS='--archive 1000'`: searches of an archive, by each index, and what stands beside them."""

import json
import subprocess
import sys
from pathlib import Path

from tests.flow.running_system import ROOT


def test_every_search_of_an_archive_is_measured(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, "-m", "tests.bench", "--archive", "1000", "--json", str(numbers)]

    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    found = json.loads(numbers.read_text())
    assert {each["studies"] for each in found} == {1000}
    assert {"bare Query, by patient", "patient", "name prefix", "modality, date range"} <= {
        each["search"] for each in found
    }
    assert all(each["p50_ms"] > 0 for each in found)
