"""cfn-lint has nothing to say about any template."""

import subprocess
import sys
from pathlib import Path


def test_templates_are_clean(deployed, full, existing):
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    files = [path for deployment in (deployed, full, existing) for path in deployment.template_files]

    linted = subprocess.run([cfn_lint, *files], capture_output=True, text=True, check=False)

    assert linted.returncode == 0, linted.stdout + linted.stderr
