"""All parts of the local run, in the order in which they start and stop."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import boto3

from infra.local import dimse_process, fhir_process
from infra.local.child import Child
from infra.local.embedded_aws.deploy import Outputs, deploy
from infra.local.embedded_aws.process import EmbeddedAws
from infra.local.endpoints import endpoints, operator_environment
from infra.local.failure import CannotRun
from infra.local.front_door import Backends, front_door
from infra.local.ports import any_free_port
from infra.local.progress import Progress
from infra.local.served import Served
from infra.local.settings import HOST, Settings
from infra.local.state_directory import StateDirectory
from infra.local.synthesis import Synthesis

_SIGNAL_ARRIVES_SECONDS = 0.5


class System:
    """Starts, watches and stops the parts; after `start` has failed, `stop` ends what had started."""

    def __init__(self, settings: Settings, state: StateDirectory, progress: Progress) -> None:
        self._settings = settings
        self._state = state
        self._progress = progress
        self._aws = EmbeddedAws(settings.aws_port, settings.state_dir)
        _use_embedded_aws(self._aws.client_environment)
        self._fhir_port = any_free_port()
        self._fhir: Child | None = None
        self._dimse: Child | None = None
        self._front_door: Served | None = None
        self._backends = Backends(fhir=f"http://{HOST}:{self._fhir_port}", parts=self._parts)

    def start(self) -> dict[str, Any]:
        """Start everything and bring back what a crash may have taken; returns the endpoints.

        Raises
        ------
        CannotRun
            If a part does not start.
        """
        found = endpoints(self._settings, self._start(), self._aws.endpoint_url)
        self._backends.ready = True
        self._state.publish_endpoints(found)
        return found

    def watch(self) -> NoReturn:
        """Raise `CannotRun` when a part has ended by itself."""
        while True:
            time.sleep(_SIGNAL_ARRIVES_SECONDS)
            for part, running in self._parts().items():
                if not running:
                    time.sleep(_SIGNAL_ARRIVES_SECONDS)  # a signal to the whole group may have come to the part first
                    raise CannotRun(f"The {part} has ended by itself; {self._log_file(part)} says why.")

    def stop(self) -> None:
        """Stop what runs, the doors first and what keeps the state last."""
        self._state.withdraw_endpoints()
        for part in (self._dimse, self._front_door, self._fhir, self._aws):
            if part is not None:
                part.stop()

    def _start(self) -> Outputs:
        step = self._progress.step
        self._front_door = Served(front_door(self._backends), self._settings.port)
        self._aws.start()
        if not fhir_process.is_prepared():
            with step("installing the FHIR server's packages"):
                fhir_process.prepare(self._log_file("npm"))
        self._fhir = fhir_process.start(self._settings, self._fhir_port, self._log_file("FHIR server"))
        outdir = self._state.path / "cdk.out"
        synthesis = Synthesis(self._settings, outdir, self._log_file("synthesis"))
        if not synthesis.is_made:
            with step("synthesising the CDK app"):
                synthesis.make()
        with step("starting the embedded AWS"):
            self._aws.wait_ready()
        with step("deploying the stacks"):
            outputs = deploy(outdir, self._aws.endpoint_url, lambda _: None)
            self._aws.snapshot()
        with step("starting the FHIR server"):
            fhir_process.wait_ready(self._fhir, self._fhir_port)
        self._backends.api = _stage_address(self._aws.endpoint_url, outputs["ImagingApi"]["ApiUrl"])
        with step("starting the DIMSE endpoint"):
            self._dimse = dimse_process.start(self._settings, self._log_file("DIMSE endpoint"))
        with step("comparing S3 with the manifest, taking up work that was left"):
            self._reconcile(outputs)
            self._sweep(outputs)
        return outputs

    def _reconcile(self, outputs: Outputs) -> None:
        """Run the operators' `reconcile`, as one would on AWS."""
        environment = {**operator_environment(outputs), **self._aws.client_environment}
        (self._state.path / "operator.json").write_text(json.dumps(environment, indent=2) + "\n")
        imaging = Path(sys.executable).with_name("imaging")
        command = [str(imaging), "--state-dir", str(self._state.path), "reconcile", "--json"]
        log_file = self._log_file("reconcile")
        with log_file.open("ab") as log:
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
        if ended.returncode:
            raise CannotRun(f"S3 and the manifest could not be reconciled; {log_file} says why.")

    def _sweep(self, outputs: Outputs) -> None:
        """Call the deployed sweeper, with no grace for what was left."""
        function = outputs["ImagingPipeline"]["SweepFunction"]
        answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"grace_seconds": 0}))
        if "FunctionError" in answer:
            raise CannotRun(f"The sweeper failed; the log group of {function} in the embedded AWS says why.")

    def _parts(self) -> dict[str, bool]:
        parts = {"FHIR server": self._fhir, "DIMSE endpoint": self._dimse, "front door": self._front_door}
        running = {name: part is not None and part.is_running for name, part in parts.items()}
        return {"embedded AWS": self._aws.is_running, **running}

    def _log_file(self, part: str) -> Path:
        if part == "embedded AWS":
            return self._aws.log_file
        return self._state.logs / f"{part.lower().replace(' ', '_')}.log"


def _use_embedded_aws(environment: Mapping[str, str]) -> None:
    """Have every client of this process and its children talk to the embedded AWS, whatever profile the user has."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(environment)


def _stage_address(endpoint_url: str, api_url: str) -> str:
    """Where the embedded AWS serves the stage that has this invoke URL."""
    address = urlsplit(api_url)
    api = (address.hostname or "").partition(".")[0]
    return f"{endpoint_url}/restapis/{api}{address.path.rstrip('/')}/_user_request_"
