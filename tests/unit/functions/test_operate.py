import json

import pytest
from click.testing import CliRunner

from functions.operate.command import imaging


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["reconcile", "--help"]])
def test_help_needs_no_deployment(arguments):
    answer = CliRunner().invoke(imaging, arguments)
    assert answer.exit_code == 0
    assert "Usage:" in answer.output


def test_says_how_to_start_a_local_run_that_is_not_up(tmp_path):
    answer = CliRunner().invoke(imaging, ["--state-dir", str(tmp_path), "status"])
    assert answer.exit_code == 1
    assert "make run" in answer.output


def test_names_the_spaces_there_are_when_asked_for_another(tmp_path, monkeypatch):
    monkeypatch.setenv("SPACES", "")
    (tmp_path / "operator.json").write_text(json.dumps({"SPACES": json.dumps([{"name": "main"}])}))
    answer = CliRunner().invoke(imaging, ["--state-dir", str(tmp_path), "reconcile", "--space", "other"])
    assert answer.exit_code == 1
    assert "main" in answer.output
