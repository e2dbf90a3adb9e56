"""The embedded AWS starts, says why it cannot, and ends with its parent."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.embedded_aws.process import EmbeddedAws, EmbeddedAwsError
from infra.local.ports import any_free_port, is_free
from tests.infra.local.functions_for_tests import wait_until


def test_says_that_the_port_is_taken(embedded_aws: EmbeddedAws, tmp_path: Path) -> None:
    second = EmbeddedAws(embedded_aws.port, tmp_path)
    with pytest.raises(EmbeddedAwsError, match=f"Port {embedded_aws.port} is in use: choose another with AWS_PORT="):
        second.start()


def test_says_where_to_look_if_it_ends_at_once(tmp_path: Path) -> None:
    aws = EmbeddedAws(any_free_port(), tmp_path)
    aws.log_file.parent.mkdir()
    (aws.log_file.parent / "rows.sqlite").write_text("no database at all, but long enough to be looked at" * 100)
    aws.start()
    with pytest.raises(EmbeddedAwsError, match=r"did not start; .*log\.txt says why"):
        aws.wait_ready()


def test_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    port = any_free_port()
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import pathlib, sys, time\n"
            "from infra.local.embedded_aws.process import EmbeddedAws\n"
            "aws = EmbeddedAws(int(sys.argv[1]), pathlib.Path(sys.argv[2]))\n"
            "aws.start()\n"
            "aws.wait_ready()\n"
            "print('ready', flush=True)\n"
            "time.sleep(60)\n",
            str(port),
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert not is_free(port)
        parent.kill()
    wait_until(lambda: is_free(port))
