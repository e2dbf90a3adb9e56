"""The embedded AWS as a child process of whoever needs it."""

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from infra.local.failure import CannotRun
from infra.local.ports import is_free
from infra.local.settings import HOST

REGION = "us-east-1"
ACCOUNT = "000000000000"
SNAPSHOT_PATH = "/_imaging/snapshot"
KEPT_FROM_THE_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "RECORD_CALLS")


class EmbeddedAwsError(CannotRun):
    """The embedded AWS did not start, or does not go on."""


class EmbeddedAws:
    """Runs ``python -m infra.local.embedded_aws``.

    The child stays in the process group of its parent, ignores Ctrl-C (its
    parent stops it) and ends by itself when its parent is gone.

    Parameters
    ----------
    port
        On 127.0.0.1.
    state_dir
        What persists lies in ``state_dir/aws``, its log in ``state_dir/aws/log.txt``.
    record_calls
        A file that gets one line of JSON per AWS call; see `call_recorder`.
    """

    def __init__(self, port: int, state_dir: Path, *, record_calls: Path | None = None) -> None:
        self.port = port
        self.state_dir = Path(state_dir).resolve()
        self.record_calls = record_calls
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        """Where AWS's clients find it."""
        return f"http://{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """What MiniStack has to say."""
        return self.state_dir / "aws" / "log.txt"

    @property
    def client_environment(self) -> dict[str, str]:
        """What a process needs in its environment for boto3 to talk to this AWS and no other."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": HOST,
            "no_proxy": HOST,
        }

    @property
    def is_running(self) -> bool:
        """Whether the child was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the child; returns at once.

        Raises
        ------
        EmbeddedAwsError
            If the port is taken.
        """
        if not is_free(self.port):
            raise EmbeddedAwsError(f"Port {self.port} is in use: choose another with AWS_PORT={self.port + 1}.")
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        environment = {name: os.environ[name] for name in KEPT_FROM_THE_ENVIRONMENT if name in os.environ}
        environment |= self.client_environment | {
            "AWS_PORT": str(self.port),
            "STATE_DIR": str(self.state_dir),
            "PARENT_PID": str(os.getpid()),
        }
        if self.record_calls is not None:
            environment["RECORD_CALLS"] = str(self.record_calls.resolve())
        with self.log_file.open("wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", __package__], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_ready(self, timeout_seconds: float = 60) -> None:
        """Wait until it answers.

        Raises
        ------
        EmbeddedAwsError
            If it ends instead, or does not answer in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self._answers():
            if not self.is_running:
                raise EmbeddedAwsError(f"The embedded AWS did not start; {self.log_file} says why.")
            if time.monotonic() > deadline:
                raise EmbeddedAwsError(
                    f"The embedded AWS was not ready after {timeout_seconds:.0f} s; see {self.log_file}."
                )
            time.sleep(0.05)

    def stop(self, timeout_seconds: float = 30) -> None:
        """End the child and wait until it has saved its state."""
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._child = None

    def kill(self) -> None:
        """End the child as a crash does."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def snapshot(self) -> None:
        """Have everything written to disk that is not written with each call; to be done after a deployment."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request("POST", SNAPSHOT_PATH)
            status = connection.getresponse().status
        finally:
            connection.close()
        if status != 204:
            raise EmbeddedAwsError(f"The embedded AWS could not save its state (HTTP {status}); see {self.log_file}.")

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
