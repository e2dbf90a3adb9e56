"""The templates of this app for this machine, made anew only when what they are made from has changed."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.fhir_config import policy_settings
from infra.local.embedded_aws.process import ACCOUNT, REGION
from infra.local.failure import CannotRun
from infra.local.settings import Settings
from infra.node import node_folder

ROOT = Path(__file__).parents[2]
_MADE_FROM = ("cdk.json", "pyproject.toml", "infra", "functions", "layers")
_NOT_IN_LOCAL_TEMPLATES = [ROOT / "infra" / name for name in ("local", "page")]


def local_context(settings: Settings) -> dict[str, Any]:
    """cdk.json's settings, over them what `CDK_CONTEXT_JSON` passes on as to the app itself, and this machine's."""
    imaging = json.loads((ROOT / "cdk.json").read_text())["context"]["imaging"]
    passed_on = json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}")).get("imaging", {})
    return {
        "imaging": {
            **imaging,
            **passed_on,
            "account": ACCOUNT,
            "region": REGION,
            "local": True,
            "api_authorization": "none",
            "public_base_address": settings.front,
            "quiet_seconds": settings.quiet_seconds,
            "fhir": {**policy_settings({**imaging, **passed_on}.get("fhir")), "base_url": settings.fhir},
            "gateway": {},
        }
    }


class Synthesis:
    """The cloud assembly in `outdir`.

    Parameters
    ----------
    log_file
        Gets what the CDK has to say.
    """

    def __init__(self, settings: Settings, outdir: Path, log_file: Path) -> None:
        self._outdir = outdir
        self._log_file = log_file
        self._context = json.dumps(local_context(settings), sort_keys=True)
        self._stamp = outdir / "made-from.txt"
        self._digest = self._digest_of_sources()

    @property
    def is_made(self) -> bool:
        """Whether the assembly is there, made from what lies in the tree now."""
        return self._stamp.exists() and self._stamp.read_text() == self._digest

    def make(self) -> None:
        """Run the app.

        Raises
        ------
        CannotRun
            If it fails.
        """
        environment = {
            **os.environ,
            "CDK_CONTEXT_JSON": self._context,
            "CDK_OUTDIR": str(self._outdir),
            "JSII_NODE": str(node_folder() / "node"),
        }
        self._stamp.unlink(missing_ok=True)
        with self._log_file.open("wb") as log:
            ended = subprocess.run(
                [sys.executable, "-m", "infra.app"], cwd=ROOT, env=environment, stdout=log, stderr=log, check=False
            )
        if ended.returncode:
            raise CannotRun(_complaint(self._log_file))
        self._stamp.write_text(self._digest)

    def _digest_of_sources(self) -> str:
        digest = hashlib.sha256(f"{sys.version}\0{self._context}\0".encode())
        for path in _sources():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(ROOT)}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()


def _complaint(log_file: Path) -> str:
    """The sentence that refuses a setting, where the log ends in one; else where to read on."""
    *_, last = log_file.read_text(errors="replace").splitlines() or [""]
    return last if last.startswith("imaging") else f"The CDK app could not be synthesised; {log_file} says why."


def _sources() -> Iterator[Path]:
    for name in _MADE_FROM:
        path = ROOT / name
        yield from [path] if path.is_file() else sorted(filter(_is_source, path.rglob("*")))


def _is_source(path: Path) -> bool:
    return (
        path.is_file()
        and "__pycache__" not in path.parts
        and not any(path.is_relative_to(folder) for folder in _NOT_IN_LOCAL_TEMPLATES)
    )
