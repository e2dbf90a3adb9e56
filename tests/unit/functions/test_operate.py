import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from functions.operate import terminal
from functions.operate.command import imaging
from imaging.errors import Unavailable

QUEUES = json.dumps(
    [{"name": "index_instance", "kind": "index_instance", "queue_url": "q", "dead_letter_queue_url": "d"}]
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(imaging, arguments)


@pytest.fixture
def state_dir(tmp_path, monkeypatch):
    """What a local run with one space and one queue leaves for the command."""
    environment = {"SPACES": json.dumps([{"name": "main"}]), "QUEUES": QUEUES}
    for name in (*environment, "AWS_SDK_UA_APP_ID"):
        monkeypatch.setenv(name, "")
    (tmp_path / "operator.json").write_text(json.dumps(environment))
    return str(tmp_path)


def test_help_names_every_command_and_needs_no_deployment():
    answer = run("--help")
    assert answer.exit_code == 0
    assert all(name in answer.output for name in imaging.commands)


@pytest.mark.parametrize("name", imaging.commands)
def test_help_of_a_command_teaches_by_example(name):
    answer = run(name, "--help")
    assert answer.exit_code == 0
    assert f"\n  imaging {name}" in answer.output
    assert "--json" in answer.output


def test_says_how_to_start_a_local_run_that_is_not_up(tmp_path):
    answer = run("--state-dir", str(tmp_path), "status")
    assert answer.exit_code == 1
    assert "make run" in answer.output


def test_names_the_spaces_there_are_when_asked_for_another(state_dir):
    answer = run("--state-dir", state_dir, "reconcile", "--space", "other")
    assert answer.exit_code == 1
    assert "there are: main" in answer.output


@pytest.mark.parametrize("command", ["explain", "redrive"])
def test_names_the_queues_there_are_when_asked_for_another(state_dir, command):
    answer = run("--state-dir", state_dir, command, "other")
    assert answer.exit_code == 1
    assert "there are: index_instance" in answer.output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("redrive", "index_instance", "--older-than", "2 weeks"), "30m, 2h or 1d"),
        (("explain", "index_instance", "--at-most", "0"), "1<=x<=10000"),
        (("revisions", "abc"), "StudyInstanceUID is not a UID"),
        (("replay", "--all"), "--binding"),
        (("replay", "--binding", "to-pacs"), "one of --study, --since and --all"),
        (("replay", "--binding", "to-pacs", "--all", "--study", "1.2"), "one of --study, --since and --all"),
        (("replay", "--binding", "to-pacs", "--all", "--until", "2026-11-22T06:00Z"), "--until needs --since"),
        (("replay", "--binding", "to-pacs", "--since", "2026-11-22T06:00"), "2026-11-22T06:00Z"),
        (("replay", "--binding", "to-pacs", "--since", "yesterday"), "ISO 8601"),
        (("replay", "--binding", "to-pacs", "--all", "--after", "1.2"), "--after needs --space"),
    ],
)
def test_says_how_to_call_it_when_it_is_called_wrongly(state_dir, arguments, why):
    answer = run("--state-dir", state_dir, *arguments)
    assert answer.exit_code == 2
    assert why in answer.output


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_ages_are_said_as_a_person_says_them(seconds, said):
    assert terminal.age(seconds) == said


def test_moments_are_said_in_utc_to_the_second():
    moment = datetime(2026, 11, 22, 6, 53, 1, 999, tzinfo=UTC)
    assert terminal.said(moment) == "2026-11-22 06:53:01Z"
    assert terminal.said(None) == terminal.since(None) == "-"
    assert terminal.since(datetime.now(UTC) - timedelta(hours=3)) == "3 h"


def test_results_in_a_file_have_no_colour_and_whole_uids(capsys):
    uid = "2.25." + "9" * 39
    table = terminal.table("study", "#count", *["further"] * 3)
    table.add_row(uid, "1", *[uid] * 2, "x")
    terminal.results().print(table)
    terminal.trouble(terminal.results(), ["Something is wrong [/of others]."])
    shown = capsys.readouterr().out
    assert shown.count(uid) == 3
    assert "\x1b" not in shown
    assert "! Something is wrong [/of others]." in shown


def test_a_failure_of_aws_says_what_to_do_and_promises_nothing(state_dir, monkeypatch):
    def fail(_: object) -> None:
        raise Unavailable("AWS failed reading the manifest (AccessDeniedException); it is tried again.")

    monkeypatch.setattr("functions.operate.status.bootstrap.status", fail)
    answer = run("--state-dir", state_dir, "status")
    assert answer.exit_code == 1
    assert "AccessDeniedException" in answer.output
    assert "Run the command again" in answer.output
    assert "it is tried" not in answer.output
