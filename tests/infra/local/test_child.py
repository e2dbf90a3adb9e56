"""A process of the local run ends when it is told to, and when its launcher is gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.local.child import Child
from infra.local.failure import CannotRun

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
LAUNCH_A_SLEEPER = """
import os, sys
from pathlib import Path
from infra.local.child import Child
child = Child("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ, Path(sys.argv[1]))
print(child._process.pid, flush=True)
sys.stdin.read()
"""


def is_alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_it_stops_when_told(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEP, os.environ, tmp_path / "log")
    assert child.is_running
    child.stop()
    assert not child.is_running


def test_ctrl_c_is_left_to_the_launcher(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEP, os.environ, tmp_path / "log")
    time.sleep(0.5)
    os.kill(child._process.pid, signal.SIGINT)
    time.sleep(0.2)
    assert child.is_running
    child.stop()


def test_one_that_ends_at_once_is_named_with_its_log(tmp_path: Path) -> None:
    child = Child("liar", [sys.executable, "-c", "print('no')"], os.environ, tmp_path / "log")
    with pytest.raises(CannotRun, match=r"The liar did not start; .*log says why"):
        child.wait_until(lambda: False, timeout_seconds=10)
    assert (tmp_path / "log").read_text() == "no\n"


def test_one_that_is_never_ready_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEP, os.environ, tmp_path / "log")
    with pytest.raises(CannotRun, match="The sleeper was not ready after 0 s"):
        child.wait_until(lambda: False, timeout_seconds=0.2)
    child.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends it")
def test_it_ends_with_a_killed_launcher(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LAUNCH_A_SLEEPER, str(tmp_path / "log")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as launcher:
        sleeper = int(launcher.stdout.readline())
        time.sleep(0.5)
        assert is_alive(sleeper)
        launcher.kill()
    deadline = time.monotonic() + 5
    while is_alive(sleeper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(sleeper)
