"""The whole system as `make run` starts it, for tests that are its users."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from infra.local.ports import any_free_port
from tests.flow.bindings import SECRET, bindings, kept_secrets, spaces
from tests.flow.dimse_nodes import DimseNodes, certificate

ROOT = Path(__file__).parents[2]
START_SECONDS = 240.0
VIEWER = "https://viewer.example.org"
"""Where pages come from that may read what the system answers, and frame its viewer."""
QUERY_TAGS = (
    {"tag": "ImageComments", "level": "instance"},
    {"tag": "00111001", "level": "series", "vr": "LO", "private_creator": "TESTS"},
)
"""What can be searched beside the attributes that always can."""


class RunningSystem:
    """Starts the system on free ports and an own state folder, as often as asked.

    Parameters
    ----------
    state_dir
        Kept between starts.
    has_bindings
        Whether there is a space that bindings listen to, as `tests.flow.bindings` has them, and DIMSE over TLS.
    settings
        Of the contract, over the tests' own: no sample study, two quiet seconds.

    Attributes
    ----------
    endpoints
        As `endpoints.json` has them, while it runs.
    webhook_port, node_port
        Where bindings expect a webhook and a DIMSE node; nobody listens unless a test does.
    dimse_nodes
        Those that the DIMSE endpoint knows.
    dimse_certificate
        Its own, as PEM, where it has one.
    output
        The file with what it printed at the last start.
    start_seconds
        How long that took; 0 before the first.
    recorded_calls
        The file with every AWS call of every process; see `infra.local.embedded_aws.call_recorder`.
    """

    endpoints: dict[str, Any]
    dimse_certificate: str

    def __init__(self, state_dir: Path, *, has_bindings: bool = False, **settings: str) -> None:
        self.state_dir = state_dir
        self.output = state_dir.with_suffix(".output.txt")
        self.recorded_calls = state_dir.with_suffix(".calls.jsonl")
        self.webhook_port, self.node_port = any_free_port(), any_free_port()
        front_port = int(settings.get("PORT") or any_free_port())
        self.dimse_nodes = DimseNodes()
        configuration = {
            "cors": {"allowed_origins": [VIEWER]},
            "viewer": {"embedded_in": [VIEWER]},
            "query_tags": [*QUERY_TAGS],
            "dimse": self.dimse_nodes.configuration(),
        }
        if has_bindings:
            key_and_certificate, self.dimse_certificate = certificate()
            secrets = kept_secrets(state_dir, {"webhook": SECRET, "dimse-tls": key_and_certificate})
            bound = bindings(
                front_port=front_port,
                webhook_port=self.webhook_port,
                node_port=self.node_port,
                secret_arn=secrets["webhook"],
            )
            dimse = self.dimse_nodes.configuration(secrets["dimse-tls"])
            configuration |= {"spaces": spaces(), "bindings": bound, "dimse": dimse}
        self.environment = {
            **os.environ,
            **{name: str(any_free_port()) for name in ("DIMSE_PORT", "AWS_PORT")},
            "PORT": str(front_port),
            "STATE_DIR": str(state_dir),
            "QUIET_SECONDS": "2",
            "SAMPLE": "no",
            "CDK_CONTEXT_JSON": json.dumps({"imaging": configuration}),
            "RECORD_CALLS": str(self.recorded_calls),
            "FAILURE_SWITCH": "1",  # POST {fhir}/_fail?n=&status= makes the FHIR server fail
            **settings,
        }
        self.start_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def front(self) -> str:
        return self.endpoints["front"]

    def dicomweb(self, space: str = "main") -> str:
        return self.endpoints["spaces"][space]["dicomweb"]

    def start(self) -> None:
        """Start it and wait until it is ready; it leads a process group of its own."""
        began = time.monotonic()
        self.launch()
        deadline = began + START_SECONDS
        while (found := self._published()).get("pid") != self._process.pid:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"The system did not start:\n{self.output.read_text()}")
            time.sleep(0.05)
        self.endpoints = found
        self.start_seconds = time.monotonic() - began

    def _published(self) -> dict[str, Any]:
        try:
            return json.loads((self.state_dir / "endpoints.json").read_text())
        except FileNotFoundError:
            return {}

    def launch(self) -> None:
        """Start it without waiting."""
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.local"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop(self) -> int:
        """Ask it to stop, as a user or an init system does; returns its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Kill the whole process group at once, as a crash does."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait(self, timeout_seconds: float = 60) -> int:
        """Wait until it has ended; returns its exit code."""
        return self._process.wait(timeout_seconds)
