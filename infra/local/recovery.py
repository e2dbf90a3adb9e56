"""What every start does, mostly in case the run before ended in a crash, with the very means one has on AWS."""

import json
import subprocess
import sys
from pathlib import Path

import boto3

from infra.local.failure import CannotRun


def reconcile(state_dir: Path, log_file: Path) -> None:
    """Run the operators' `imaging reconcile`: S3 is the truth, and the manifest follows, drops of just now included.

    Raises
    ------
    CannotRun
        If it fails.
    """
    imaging = Path(sys.executable).with_name("imaging")
    command = [str(imaging), "--state-dir", str(state_dir), "reconcile", "--drops-older-than", "0", "--json"]
    with log_file.open("ab") as log:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if ended.returncode:
        raise CannotRun(f"S3 and the manifest could not be reconciled; {log_file} says why.")


def sweep(function: str) -> None:
    """Call the deployed sweeper, with no grace for what was left: nobody else is at work yet.

    Raises
    ------
    CannotRun
        If it fails.
    """
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"grace_seconds": 0}))
    if "FunctionError" in answer:
        raise CannotRun(f"The sweeper failed; the log group of {function} in the embedded AWS says why.")


def record_status(function: str) -> None:
    """Begin to record the status that the page shows, which its schedule first does after a minute."""
    boto3.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload="{}")
