"""A DIMSE process to run, and its output."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.unit.dimse.endpoint import SPACES

REPOSITORY = Path(__file__).parents[3]

ENVIRONMENT = {
    "SPACES": json.dumps(
        [{"name": space.name, "bucket": space.bucket, "ae_title": space.ae_title} for space in SPACES.values()]
    ),
    "DIMSE_PORT": "0",
    "DIMSE_BIND_ADDRESS": "127.0.0.1",
    "DIMSE_MAX_ASSOCIATIONS": "20",
    "DIMSE_WORKERS": "2",
    "DIMSE_CALLERS": "any",
    "POWERTOOLS_SERVICE_NAME": "dimse",
    "POWERTOOLS_METRICS_NAMESPACE": "ImagingIngestion",
}


class Process:
    """A running DIMSE process; its output is collected as it comes."""

    def __init__(self, **environment: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.dimse.process"],
            cwd=REPOSITORY,
            env={**os.environ, **ENVIRONMENT, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.output: list[str] = []
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.child.stdout:
            with self._came:
                self.output.append(line)
                self._came.notify_all()

    @property
    def log(self) -> list[dict]:
        return [json.loads(line) for line in self.output if line.startswith("{")]

    def told(self, word: str) -> list[list[str]]:
        """The lines of `tests.unit.dimse.process` that begin with a word, in words."""
        return [line.split() for line in self.output if line.startswith(f"{word} ")]

    def wait_for(self, message: str) -> dict:
        return json.loads(self.wait_for_lines(f'"message":"{message}"')[0])

    def wait_for_lines(self, part: str, count: int = 1) -> list[str]:
        def found():
            return [line for line in self.output if part in line]

        with self._came:
            assert self._came.wait_for(lambda: len(found()) >= count, timeout=20), (self.output, self.child.poll())
        return found()

    @property
    def port(self) -> int:
        return self.wait_for("Listening for DICOM associations")["port"]

    def stop(self, seconds: float = 20) -> tuple[int, str]:
        """SIGTERM; the exit code and what it wrote to standard error."""
        self.child.send_signal(signal.SIGTERM)
        return self.ended(seconds)

    def ended(self, seconds: float = 20) -> tuple[int, str]:
        """When it has, the exit code and what it wrote to standard error."""
        code = self.child.wait(seconds)
        self._reader.join(5)
        return code, self.child.stderr.read()

    def close(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self._reader.join(5)
        self.child.stdout.close()
        self.child.stderr.close()
