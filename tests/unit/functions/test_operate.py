import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from functions.operate import fhir_errors, terminal
from functions.operate.command import imaging
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind
from imaging.pipeline.publish_again import AskedFor, Progress
from imaging.reading.read_errors import FhirErrorLeft, FhirErrorsLeft

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
        (("errors", "--kind", "everything"), "'fhir-refused'"),
        (("publish",), "one of --study, --kind and --all-failed"),
        (("publish", "--study", "1.2", "--all-failed"), "one of --study, --kind and --all-failed"),
        (("publish", "--study", "abc"), "StudyInstanceUID is not a UID"),
        (("publish", "--all-failed", "--after", "1.2"), "--after is for a whole --space"),
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


def test_says_that_nothing_is_published_where_there_is_no_fhir_server(state_dir, monkeypatch):
    monkeypatch.setenv("MANIFEST_TABLE", "")
    answer = run("--state-dir", state_dir, "publish", "--all-failed")
    assert answer.exit_code == 1
    assert "name one in imaging.fhir" in answer.output


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


def left(kind: ErrorKind, studies: int) -> FhirErrorsLeft:
    newest = FhirErrorLeft("main", "1.2.3", 4, "The server says [no].", 2, datetime.now(UTC) - timedelta(hours=3))
    return FhirErrorsLeft(kind, studies, (newest,) * min(studies, 2))


@pytest.mark.parametrize("kind", ErrorKind)
def test_what_is_not_in_fhir_is_shown_with_what_to_do_about_its_kind(kind, capsys):
    fhir_errors.show(terminal.results(), [left(kind, 3)], 20)
    shown = capsys.readouterr().out
    assert kind.value in shown
    assert "The server says [no]." in shown
    assert "3 h" in shown
    assert f"and 1 more: `imaging errors --kind {kind.value}" in shown
    if kind.needs_human:
        assert "`imaging publish" in shown or "`imaging redrive publish_study`" in shown


@pytest.mark.parametrize(
    ("found", "exit_code"),
    [
        (left(ErrorKind.FHIR_REFUSED, 1), 1),
        (left(ErrorKind.FHIR_REFUSED, 0), 0),
        (left(ErrorKind.INVALID_TAG, 1), 0),
        (left(ErrorKind.RETRYING, 1), 0),
    ],
)
def test_errors_of_a_kind_are_told_and_end_with_whether_a_human_must_mend_them(
    state_dir, monkeypatch, found, exit_code
):
    reader = SimpleNamespace(of_kind=lambda kind, at_most: found)
    monkeypatch.setattr("functions.operate.errors.bootstrap.errors", lambda _: reader)
    answer = run("--state-dir", state_dir, "errors", "--kind", found.kind.value, "--json")
    assert answer.exit_code == exit_code
    told = json.loads(answer.output)
    assert (told["kind"], told["studies"], len(told["newest"])) == (found.kind.value, found.studies, found.studies)
    shown = run("--state-dir", state_dir, "errors", "--kind", found.kind.value)
    assert (shown.exit_code, found.kind.value in shown.output) == (exit_code, True)


class Again:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def study(self, study: StudyKey) -> AskedFor:
        self.asked.append(study)
        if study.study_instance_uid != "1.2":
            raise Rejected(RejectReason.NO_SUCH_RESOURCE, "There is no such study.")
        return AskedFor(1)

    def failed(self, space: str, kinds: list[ErrorKind], progress: object) -> AskedFor:
        self.asked.append((space, kinds))
        return AskedFor(2, 1)

    def everything(self, space: str, *, after: str, progress: Progress) -> AskedFor:
        self.asked.append((space, after))
        progress(AskedFor(100, 0, "1.2.3"))
        raise Unavailable("AWS failed sending (Throttled); it is tried again.")


@pytest.fixture
def again(monkeypatch) -> Again:
    again = Again()
    monkeypatch.setattr("functions.operate.publish.bootstrap.publish_again", lambda _: again)
    return again


def test_publish_asks_for_a_study_or_for_what_failed(state_dir, again):
    answer = run("--state-dir", state_dir, "publish", "--study", "1.2", "--json")
    assert json.loads(answer.output) == {"space": "main", "studies": 1, "without_revision": 0}
    answer = run("--state-dir", state_dir, "publish", "--kind", "retrying")
    assert answer.output == "main: asked to publish 2 studies; 1 has no revision\n"
    run("--state-dir", state_dir, "publish", "--all-failed", "--space", "main")
    needs_human = [ErrorKind.NOT_PUBLISHED, ErrorKind.FHIR_REFUSED, ErrorKind.RETRIES_EXHAUSTED]
    assert again.asked == [StudyKey("main", "1.2"), ("main", [ErrorKind.RETRYING]), ("main", needs_human)]


def test_publish_says_that_there_is_no_such_study(state_dir, again):
    answer = run("--state-dir", state_dir, "publish", "--study", "1.3")
    assert answer.exit_code == 1
    assert "no revision of such a study in main" in answer.output


def test_publish_of_a_whole_space_says_how_to_go_on(state_dir, again):
    answer = run("--state-dir", state_dir, "publish", "--space", "main", "--after", "1.2")
    assert again.asked == [("main", "1.2")]
    assert answer.exit_code == 1
    assert "imaging publish --space main --after 1.2.3" in answer.output
