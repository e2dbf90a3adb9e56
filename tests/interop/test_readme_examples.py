"""The examples of the README, as they stand there, against the running system."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.flow.client import Client, eventually, instances_of, new_study

ROOT = Path(__file__).parents[2]


def blocks() -> list[str]:
    """What "Use it" has to be typed: single commands, then the walk from the record to the picture."""
    section = (ROOT / "README.md").read_text().partition("\n## Use it\n")[2].partition("\n## ")[0]
    return [block.partition("\n```")[0] for block in section.split("```sh\n")[1:]]


def examples() -> list[str]:
    """Every curl command of "Use it", continued lines joined; the destructive one last, as it stands there."""
    commands = re.sub(r"\\\n\s*", "", blocks()[0]).splitlines()
    return [command for command in commands if command.startswith("curl ")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_curl_example_works(client: Client, tmp_path: Path) -> None:
    (key,) = new_study()
    (content,) = instances_of(
        [key], PatientID="98890234", StudyDate="20010203", PatientName="Grosse^Katze", Modality="MR"
    )
    for name in ("image.dcm", "huge.dcm"):
        (tmp_path / name).write_bytes(content)
    variables = {
        "STUDY": key.study_instance_uid,
        "SERIES": key.series_instance_uid,
        "INSTANCE": key.sop_instance_uid,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    commands = examples()
    assert len(commands) > 10
    front = client.system.endpoints["front"]
    for command in commands:
        if "studies/$STUDY" in command:
            eventually("the study indexed", lambda: client.get(key, "/metadata").is_success)
        if "$STUDY/revisions" in command:
            client.wait_for_revision(key, 1)
        ended = subprocess.run(
            ["/bin/sh", "-c", command.replace("curl ", "curl -sSf ", 1).replace("http://127.0.0.1:8080", front)],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, (command, ended.stderr.decode())
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "study.zip").read_bytes().startswith(b"PK")
    assert client.get(key, "/metadata").status_code == 404


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_walk_from_the_record_to_the_picture_works_as_written(client: Client, tmp_path: Path) -> None:
    front = client.system.endpoints["front"]
    walk = blocks()[1].replace("http://127.0.0.1:8080", front).replace(".venv/bin/python", sys.executable)

    def addresses() -> list[str]:
        ended = subprocess.run(
            ["/bin/sh", "-c", walk], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        stored, *found = ended.stdout.splitlines()
        assert stored == "200"
        return found if all(address.startswith(front) for address in found) else []

    for address in eventually("the study in the record", addresses):
        answer = httpx.get(address, trust_env=False)
        assert answer.status_code == 302, (address, answer.text)
        assert answer.headers["location"].startswith(f"{front}/viewer/viewer/main?")
