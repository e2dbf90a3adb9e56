"""Sends instances through the system's two doors, as any sender would."""

from collections.abc import Sequence
from uuid import uuid4

import httpx
import pydicom
from pynetdicom import AE

from infra.local.sample_study import SampleInstance


class NotTaken(Exception):
    """A door did not take the instances; the message is one sentence."""


def stow(client: httpx.Client, dicomweb: str, instances: Sequence[SampleInstance]) -> None:
    """Store the instances by STOW-RS, PS3.18 Section 10.5.

    Raises
    ------
    NotTaken
        If the answer is not that all were stored.
    """
    boundary = uuid4().hex
    parts = [
        f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + instance.part10 + b"\r\n"
        for instance in instances
    ]
    answer = client.post(
        f"{dicomweb}/studies",
        content=b"".join(parts) + f"--{boundary}--\r\n".encode(),
        headers={
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        },
    )
    if answer.status_code != 200:
        raise NotTaken(f"STOW-RS was answered with {answer.status_code}: {answer.text}")


def c_store(host: str, port: int, ae_title: str, instances: Sequence[SampleInstance]) -> None:
    """Store the instances by C-STORE, PS3.4 Annex B.

    Raises
    ------
    NotTaken
        If there is no association, or a status other than Success.
    """
    sender = AE("SAMPLE")
    sender.dimse_timeout = 10
    data_sets = [pydicom.dcmread(instance.path) for instance in instances]
    for sop_class, syntax in sorted({(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in data_sets}):
        sender.add_requested_context(sop_class, syntax)
    association = sender.associate(host, port, ae_title=ae_title)
    if not association.is_established:
        raise NotTaken(f"The DIMSE endpoint at {host}:{port} did not accept an association.")
    try:
        for ds in data_sets:
            # pynetdicom's SCU now and then misses a response; storing again is harmless.
            status = association.send_c_store(ds) or association.send_c_store(ds)
            if status.get("Status") != 0x0000:
                raise NotTaken(f"C-STORE was answered with status 0x{status.get('Status', 0xFFFF):04X}.")
    finally:
        association.release()
