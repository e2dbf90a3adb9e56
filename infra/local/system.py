"""All parts of the local run, in the order in which they start and stop."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

from infra.local import delivery_process, dimse_process, fhir_process, gateway_process, viewer_process
from infra.local.embedded_aws.deploy import Outputs, deploy
from infra.local.embedded_aws.process import EmbeddedAws
from infra.local.endpoints import endpoints, operator_environment
from infra.local.failure import CannotRun
from infra.local.front_door import Backends, front_door
from infra.local.ports import any_free_port
from infra.local.progress import Progress
from infra.local.recovery import reconcile, record_status, sweep
from infra.local.served import Served
from infra.local.settings import HOST, Settings
from infra.local.site import Site
from infra.local.state_directory import ENDPOINTS, OPERATOR, StateDirectory
from infra.local.synthesis import Synthesis
from infra.viewer.folder import planned

DIMSE, FRONT_DOOR, GATEWAY, DELIVERY = "DIMSE endpoint", "front door", "gateway", "delivery to DIMSE nodes"
FHIR, AWS = "FHIR server", "embedded AWS"
PARTS = (DIMSE, FRONT_DOOR, GATEWAY, DELIVERY, FHIR, AWS)
"""In the order in which they stop: the doors first, and what keeps the state last."""
_SIGNAL_ARRIVES_SECONDS = 0.5


class Part(Protocol):
    """What can run beside the others."""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""

    def stop(self) -> None:
        """End it in good order."""


class System:
    """Starts, watches and stops the parts; after `start` has failed, `stop` ends what had started."""

    def __init__(self, settings: Settings, state: StateDirectory, progress: Progress) -> None:
        self._settings = settings
        self._state = state
        self._progress = progress
        self._aws = EmbeddedAws(settings.aws_port, settings.state_dir)
        _use_embedded_aws(self._aws.client_environment)
        self._fhir_port = any_free_port()
        self._gateway_port = any_free_port()
        self._dimse_tls_port: int | None = None
        self._started: dict[str, Part] = {}
        self._parts = [part for part in PARTS if part != DELIVERY]
        self._backends = Backends(
            fhir=f"http://{HOST}:{self._fhir_port}",
            gateway=f"http://{HOST}:{self._gateway_port}",
            parts=self._running,
        )

    @property
    def has_viewer(self) -> bool:
        """Whether studies open in a viewer, our own or another."""
        return self._backends.site is not None

    def start(self) -> dict[str, Any]:
        """Start everything and bring back what a crash may have taken; returns the endpoints.

        Raises
        ------
        CannotRun
            If a part does not start.
        """
        outputs = self._start()
        found = endpoints(
            self._settings,
            outputs,
            self._aws.endpoint_url,
            dimse_tls_port=self._dimse_tls_port,
            has_viewer=self._backends.site is not None and self._backends.site.has_viewer,
        )
        self._backends.ready = True
        self._state.publish(ENDPOINTS, found)
        return found

    def watch(self) -> NoReturn:
        """Raise `CannotRun` when a part has ended by itself."""
        while True:
            time.sleep(_SIGNAL_ARRIVES_SECONDS)
            for part, running in self._running().items():
                if not running:
                    time.sleep(_SIGNAL_ARRIVES_SECONDS)  # a signal to the whole group may have come to the part first
                    raise CannotRun(f"The {part} has ended by itself; {self._log_file(part)} says why.")

    def stop(self) -> None:
        """Stop what runs."""
        self._state.withdraw()
        with self._progress.step("stopping") as step:
            for name in self._parts:
                if name in self._started:
                    step.text = f"stopping the {name}"
                    self._started[name].stop()
            step.text = "stopping"

    def _start(self) -> Outputs:
        step = self._progress.step
        self._started[FRONT_DOOR] = Served(front_door(self._backends), self._settings.port)
        self._aws.start()
        self._started[AWS] = self._aws
        if not fhir_process.is_prepared():
            with step("installing the FHIR server's packages"):
                fhir_process.prepare(self._log_file("npm"))
        viewer = viewer_process.configured(self._settings)
        making = viewer_process.start(self._log_file("viewer")) if viewer and viewer.is_ohif else None
        fhir = fhir_process.start(self._settings, self._fhir_port, self._log_file(FHIR))
        self._started[FHIR] = fhir
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
            fhir_process.wait_ready(fhir, self._fhir_port)
        with step("starting the gateway and the DIMSE endpoint"):
            gateway = gateway_process.start(self._gateway_port, self._log_file(GATEWAY))
            self._started[GATEWAY] = gateway
            self._dimse_tls_port = dimse_process.tls_port(self._settings)
            self._started[DIMSE] = dimse_process.start(self._settings, self._dimse_tls_port, self._log_file(DIMSE))
            gateway_process.wait_ready(gateway, self._gateway_port)
        if delivery_process.is_wanted():
            self._parts = list(PARTS)
            with step("starting the delivery to DIMSE nodes"):
                self._started[DELIVERY] = delivery_process.start(self._log_file(DELIVERY))
        self._backends.api = _stage_address(self._aws.endpoint_url, outputs["ImagingApi"]["ApiUrl"])
        with step("comparing S3 with the manifest, taking up work that was left"):
            self._state.publish(OPERATOR, {**operator_environment(outputs), **self._aws.client_environment})
            reconcile(self._state.path, self._log_file("reconcile"))
            sweep(outputs["ImagingPipeline"]["SweepFunction"])
        if viewer:
            record_status(outputs["ImagingOperations"]["RecordStatusFunction"])
        if making:
            with step(viewer_process.FETCHING):
                viewer_process.wait_until_made(making)
        if viewer:
            self._backends.site = Site(
                viewer,
                folder=planned() if viewer.is_ohif else None,
                configuration_folder=self._state.path / "viewer",
                spaces=[space["name"] for space in json.loads(operator_environment(outputs)["SPACES"])],
                public_base_address=self._settings.front,
            )
        return outputs

    def _running(self) -> dict[str, bool]:
        return {name: name in self._started and self._started[name].is_running for name in self._parts}

    def _log_file(self, part: str) -> Path:
        if part == AWS:
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
