"""A state folder belongs to one run at a time, and remembers a run that did not end well."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.failure import CannotRun
from infra.local.state_directory import StateDirectory

HOLD_IT = """
import sys
from pathlib import Path
from infra.local.state_directory import StateDirectory
state = StateDirectory(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_IT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_and_told_who_holds_the_folder(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=f"process {holder.pid}.*another STATE_DIR"):
        StateDirectory(tmp_path)


def test_a_killed_run_holds_nothing_and_is_remembered(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text("{}")
    holder.kill()
    holder.wait()

    with StateDirectory(tmp_path) as state:
        assert state.after_a_crash
        assert not (tmp_path / "endpoints.json").exists(), "nobody may take the old run for the new one"

    with StateDirectory(tmp_path) as state:
        assert not state.after_a_crash


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotRun, match=r"STATE_DIR .*file/state cannot be used: Not a directory"):
        StateDirectory(tmp_path / "file" / "state")


def test_endpoints_are_published_and_withdrawn(tmp_path: Path) -> None:
    with StateDirectory(tmp_path) as state:
        state.publish("endpoints.json", {"front": "http://127.0.0.1:8080"})
        assert json.loads((tmp_path / "endpoints.json").read_text()) == {"front": "http://127.0.0.1:8080"}
        state.withdraw()
        assert not (tmp_path / "endpoints.json").exists()
