"""A client of a DIMSE node: DCMTK's programs as a user starts them, a process for each thing that is done."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measurement import BenchFailed, NotThere
from tests.bench.synthetic_studies import Study

_SECONDS = 900.0
_COMPLETED = re.compile(r"Completed Suboperations\s*: (\d+)")


@dataclass(frozen=True)
class DimseNode:
    """Who is measured.

    Attributes
    ----------
    move_destination
        The AE title, known to the node, that retrieved studies are sent to; empty where none is.
    """

    host: str
    port: int
    ae_title: str
    move_destination: str = ""


class DcmtkClient:
    """One client.

    Parameters
    ----------
    folder
        Where the files lie that it sends, a folder each study.

    Raises
    ------
    NotThere
        If DCMTK is not installed.
    """

    def __init__(self, node: DimseNode, folder: Path) -> None:
        if not shutil.which("dcmsend"):
            raise NotThere
        self._node = node
        self._folder = folder

    def lay_out(self, study: Study) -> None:
        """Write the files that `send` will send."""
        folder = self._folder / study.study_instance_uid
        folder.mkdir()
        for number, file in enumerate(study.files):
            (folder / f"{number:05d}.dcm").write_bytes(file)

    def send(self, program: str, study: Study, *, no_delay: bool) -> int:
        """Store a study over one association; returns its size.

        Parameters
        ----------
        program
            ``dcmsend`` or ``storescu``.
        no_delay
            Whether Nagle's algorithm is off at the client; DCMTK as it comes has it on.
        """
        folder = self._folder / study.study_instance_uid
        report = self._folder / f"{folder.name}.report"
        reporting = ["+crf", str(report)] if program == "dcmsend" else []
        self._run([program, *reporting], ["+sd", str(folder)], no_delay=no_delay)
        if reporting and f"with status SUCCESS  : {len(study.keys)}" not in report.read_text():
            raise BenchFailed(f"dcmsend has not sent all of a study: {report.read_text()}")
        return study.size_bytes

    def find(self, keys: Sequence[str], responses: int) -> int:
        """Search by Study Root; counts as no bytes."""
        found = self._run(["findscu", "-v", "-S"], _keys(keys)).count("(Pending)")
        if found != responses:
            raise BenchFailed(f"findscu found {found} in place of {responses}.")
        return 0

    def get(self, study: Study) -> int:
        """Retrieve a study over the same association and forget it; returns its size."""
        said = self._run(["getscu", "-v", "-S", "--ignore"], _of_study(study))
        completed = _COMPLETED.findall(said)
        if not completed or int(completed[-1]) != len(study.keys):
            raise BenchFailed(f"{completed[-1:]} of {len(study.keys)} instances were retrieved: {said[-500:]}")
        return study.size_bytes

    def move(self, study: Study) -> int:
        """Have a study sent elsewhere; returns its size."""
        if not self._node.move_destination:
            raise NotThere
        program = ["movescu", "-v", "-S", "-aem", self._node.move_destination]
        said = self._run(program, _of_study(study))
        if "Final Move Response (Success)" not in said:  # it tells no counts; C-GET's row has shown that all is there
            raise BenchFailed(f"movescu was not told of success: {said[-500:]}")
        return study.size_bytes

    def _run(self, program: Sequence[str], arguments: Sequence[str], *, no_delay: bool = True) -> str:
        command = [*program, "-aec", self._node.ae_title, self._node.host, str(self._node.port), *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
        if no_delay:
            environment["TCP_NODELAY"] = "1"
        ended = subprocess.run(
            command,
            env=environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
        said = ended.stdout.decode(errors="replace")
        if ended.returncode:
            raise BenchFailed(f"{program[0]} ended with {ended.returncode}: {said[-500:]}")
        return said


def _of_study(study: Study) -> list[str]:
    return _keys(["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={study.study_instance_uid}"])


def _keys(keys: Sequence[str]) -> list[str]:
    return [argument for key in keys for argument in ("-k", key)]
