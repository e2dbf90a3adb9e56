"""What axe-core finds wrong with a page, for people who do not see it, hear it or point at it."""

import json
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from infra.npm_package import NpmPackage

AXE_CORE = NpmPackage(
    "axe-core",
    "4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
FOLDER = Path(__file__).parents[2] / ".build" / f"axe-core-{AXE_CORE.version}"
_SCRIPT = "axe.min.js"
_STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """A line for each element that breaks a rule: the rule, where, and what is the matter."""
    page.evaluate(source())
    found: list[dict[str, Any]] = page.evaluate(
        "standards => axe.run({ runOnly: standards }).then(({ violations }) => violations)", _STANDARDS
    )
    return [
        f"{rule['id']}: {json.dumps(node['target'])}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def source() -> str:
    """Its script, fetched once."""
    script = FOLDER / _SCRIPT
    if not script.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as beside:  # of a process that is killed nothing half is kept
            AXE_CORE.unpack(Path(beside), wanted=lambda path: path == _SCRIPT)
            Path(beside, _SCRIPT).replace(script)
    return script.read_text()
