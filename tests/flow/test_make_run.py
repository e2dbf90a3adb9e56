"""`make run`: starts with one command, shows what becomes of the sample study, and stops in good order."""

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.flow.running_system import RunningSystem


@pytest.fixture(scope="module")
def shown(own_system: Callable[..., RunningSystem]) -> RunningSystem:
    """A system that shows the sample study."""
    return own_system(SAMPLE="yes")


def wait_for(system: RunningSystem, text: str, timeout_seconds: float = 90) -> str:
    deadline = time.monotonic() + timeout_seconds
    while text not in (output := system.output.read_text()):
        assert time.monotonic() < deadline, output
        time.sleep(0.1)
    return output


def test_shows_the_sample_study_at_every_stage(shown: RunningSystem) -> None:
    shown.start()

    output = wait_for(shown, "The system is up.")

    stages = ["stored", "stored", "indexed", "revision", "announced", "published", "retrieved", "display"]
    assert re.findall(rf"^({'|'.join(stages)}) ", output, re.MULTILINE) == stages, output
    for address in re.findall(r"http://\S+/(?:metadata|revisions/1|ImagingStudy/\S+|instances/\S+)", output):
        assert httpx.get(address, trust_env=False).status_code == 200, address
    assert "byte for byte" in output
    assert opens_the_viewer(output)
    for place in ("page", "viewer"):
        address = re.search(rf"^  {place} +(http://\S+)$", output, re.MULTILINE)
        assert address
        assert "text/html" in httpx.get(address[1], trust_env=False).headers["content-type"]
    assert httpx.get(f"{shown.front}/status", trust_env=False).status_code == 200


def test_a_stop_is_clean_and_withdraws_the_endpoints(shown: RunningSystem) -> None:
    assert shown.stop() == 0
    assert not (shown.state_dir / "endpoints.json").exists()


def test_a_second_start_takes_seconds_and_finds_everything(shown: RunningSystem) -> None:
    first_seconds = shown.start_seconds
    shown.start()

    output = wait_for(shown, "The system is up.")

    assert "already there, as revision 1: nothing changed" in output
    assert re.search(r"^published .*/ImagingStudy/", output, re.MULTILINE)
    assert opens_the_viewer(output)
    assert "synthesising" not in output
    assert "fetching" not in output
    assert shown.start_seconds < max(30, first_seconds / 2)  # where others use the machine too, all takes long


def test_a_start_after_a_kill_finds_everything(shown: RunningSystem) -> None:
    shown.kill()
    shown.start()
    assert "already there, as revision 1: nothing changed" in wait_for(shown, "The system is up.")


def test_ctrl_c_stops_it_cleanly(shown: RunningSystem) -> None:
    os.killpg(shown.endpoints["pid"], signal.SIGINT)
    assert shown.wait() == 0


def test_a_part_that_dies_is_named_with_its_log(shown: RunningSystem) -> None:
    shown.start()
    wait_for(shown, "The system is up.")
    os.kill(pid_listening_on(shown.endpoints["dimse"]["port"]), signal.SIGKILL)

    assert shown.wait() == 1

    log = re.search(r"The DIMSE endpoint has ended by itself; (\S+) says why", shown.output.read_text())
    assert log
    assert Path(log[1]).exists()


def opens_the_viewer(output: str) -> bool:
    """Whether the last stage's link leads a browser to the viewer."""
    link = re.search(r"^display .*?(http://\S+IHEInvokeImageDisplay\S+)", output, re.MULTILINE)
    assert link, output
    answer = httpx.get(link[1], headers={"Accept": "text/html"}, follow_redirects=True, trust_env=False)
    [redirect] = answer.history
    return redirect.status_code == 302 and answer.url.path.startswith("/viewer/") and "Viewer" in answer.text


def pid_listening_on(port: int) -> int:
    inode = next(
        fields[9]
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[1].endswith(f":{port:04X}") and fields[3] == "0A"
    )
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if str(descriptor.readlink()) == f"socket:[{inode}]":
                return int(descriptor.parts[2])
    raise AssertionError(f"nobody listens on {port}")
