"""The maker of the virtual environment says in one sentence what is missing, and works once."""

import ast
import sys
from pathlib import Path

import pytest

from infra import environment

SOURCE = Path(environment.__file__)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which the module takes for its own."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "empty"\nversion = "1"\n[tool.setuptools]\nmodules = []\n'
    )
    venv = tmp_path / ".venv"
    for name, path in {
        "ROOT": tmp_path,
        "VENV": venv,
        "VENV_PYTHON": venv / "bin" / "python",
        "STAMP": venv / "made-from.txt",
        "BUILD": tmp_path / ".build",
        "LOG": tmp_path / ".build" / "environment.log",
    }.items():
        monkeypatch.setattr(environment, name, str(path))
    return tmp_path


def test_an_old_python_can_read_it_and_has_all_it_imports() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_an_old_python_is_told_which_newer_one_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.shutil, "which", lambda name: name if name == "python3.12" else None)
    with pytest.raises(environment.CannotMake) as refused:
        environment.require_python((3, 9))
    assert str(refused.value) == "Python 3.11 or newer is needed and this is 3.9: run make with PYTHON=python3.12."


def test_a_python_without_venv_is_told_how_to_get_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert environment.main(["infra"]) == 1
    assert capsys.readouterr().err.strip().endswith("-venv puts it there.")


def fail_to_install(monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    def run(what: str, command: list[str]) -> int:
        Path(environment.LOG).write_text(says)
        return int("pip" in command)

    monkeypatch.setattr(environment, "show_progress", run)


def test_no_network_is_one_sentence_and_leaves_no_stamp(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_to_install(
        monkeypatch,
        "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n"
        "ERROR: No matching distribution found for setuptools\n",
    )
    assert environment.main(["infra"]) == 1
    assert capsys.readouterr().err == (
        "pip cannot reach its package index: check the network, or pip's settings for a mirror.\n"
    )
    assert not Path(environment.STAMP).exists()


def test_another_failure_of_pip_is_told_with_its_reason(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_to_install(monkeypatch, "ERROR: No matching distribution found for ministack==9\n")
    assert environment.main(["infra"]) == 1
    assert "(No matching distribution found for ministack==9)" in capsys.readouterr().err


def test_it_is_made_anew_only_when_what_it_is_made_from_changes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(what: str, command: list[str]) -> int:
        commands.append(command)
        if "venv" in command:
            Path(environment.VENV_PYTHON).parent.mkdir(parents=True)
            Path(environment.VENV_PYTHON).symlink_to(sys.executable)
        return 0

    monkeypatch.setattr(environment, "show_progress", run)

    def installations(*extras: str) -> int:
        commands.clear()
        assert environment.main(list(extras)) == 0
        return len([command for command in commands if "pip" in command])

    assert installations("infra", "local") == 1
    assert installations("infra", "local") == 0
    assert installations("infra", "local", "test") == 1
    assert installations("local") == 0
    (tree / "pyproject.toml").write_text("# changed")
    assert installations("local") == 1
