"""The operators' command on the running system."""

import json
import subprocess
import sys
from pathlib import Path

from tests.flow.client import instances_of, new_study


def imaging(system, *arguments):
    command = [Path(sys.executable).with_name("imaging"), "--state-dir", system.state_dir, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_status_counts_what_is_held_and_reconcile_finds_nothing_to_mend(client):
    keys = new_study(instances=3)
    client.stow(instances_of(keys))
    client.wait_for_revision(keys[0], 1)

    status = json.loads(imaging(client.system, "status", "--json"))
    main = next(space for space in status["spaces"] if space["space"] == "main")
    assert main["studies"] >= 1
    assert main["instances"] >= 3

    lines = imaging(client.system, "reconcile", "--space", "main", "--json").splitlines()
    (result,) = [json.loads(line) for line in lines]
    assert result["failed"] == 0
    assert result["instances"] >= 3
    assert "compared" in imaging(client.system, "reconcile")
