"""What storage commitment rests on: the row, and the object that it speaks of."""

import time
from uuid import uuid4

import pytest
from pydicom.uid import CTImageStorage, MRImageStorage

from imaging.aws.clients import client
from imaging.aws.dynamodb_table import ManifestTable
from imaging.errors import Unavailable
from imaging.model.commitment import SopReference, Verdict
from imaging.reading.verify_commitment import VerifyCommitment
from tests.archive import Archive
from tests.instances import part10_instance, stored_metadata
from tests.manifest_table import create_manifest_table


@pytest.fixture(scope="module")
def table(embedded_aws) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def archive(table) -> Archive:
    return Archive(table)


def verify(archive: Archive, *references: SopReference) -> list[Verdict]:
    verdicts = VerifyCommitment(archive.catalogue, archive.objects)(archive.space, references)
    return [verdicts[reference] for reference in references]


def ct(uid: str) -> SopReference:
    return SopReference(CTImageStorage, uid)


def test_only_what_has_its_row_and_its_object_is_committed(archive):
    archive.store("1.2", "1.2.1", "1.2.1.1")
    archive.store("1.2", "1.2.2", "1.2.2.1")
    archive.store("1.3", "1.3.1", "1.3.1.1")
    archive.delete("1.3", "1.3.1", "1.3.1.1")
    archive.store("1.3", "1.3.1", "1.3.1.2")
    archive.objects.delete(archive.space, archive.key("1.3", "1.3.1", "1.3.1.2").object_key)  # and nobody indexed that
    assert verify(
        archive,
        ct("1.2.1.1"),
        SopReference(MRImageStorage, "1.2.2.1"),
        ct("1.2.2.1"),
        ct("1.3.1.1"),
        ct("1.3.1.2"),
        ct("1.9.9"),
    ) == [
        Verdict.COMMITTED,
        Verdict.OTHER_CLASS,
        Verdict.COMMITTED,
        Verdict.MISSING,
        Verdict.MISSING,
        Verdict.MISSING,
    ]


def test_what_is_stored_is_committed_when_it_is_indexed(archive):
    key = archive.key("1.2", "1.2.1", "1.2.1.1")
    part10 = part10_instance(key)
    archive.objects.put(archive.space, key.object_key, part10, stored_metadata(part10, archive.clock()))
    assert verify(archive, ct("1.2.1.1")) == [Verdict.MISSING]
    archive.index_all([key])
    assert verify(archive, ct("1.2.1.1")) == [Verdict.COMMITTED]
    archive.objects.put(archive.space, key.object_key, part10 + b"\0\0", stored_metadata(part10, archive.clock()))
    assert verify(archive, ct("1.2.1.1")) == [Verdict.MISSING]


def test_the_same_uid_elsewhere_neither_hides_an_instance_nor_stands_for_it(archive, table):
    archive.store("1.2", "1.2.1", "1.2.1.1")
    archive.store("1.3", "1.3.1", "1.2.1.1")
    archive.delete("1.2", "1.2.1", "1.2.1.1")
    assert verify(archive, ct("1.2.1.1")) == [Verdict.COMMITTED]
    assert verify(Archive(table), ct("1.2.1.1")) == [Verdict.MISSING]


def test_hundreds_are_looked_up_in_few_calls(archive):
    keys = [archive.key("1.2", f"1.2.{series}", f"1.2.{series}.{n}") for series in range(2) for n in range(100)]
    archive.put_all(keys)
    calls = []
    events = client("dynamodb").meta.events
    events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name), unique_id="count")
    began = time.monotonic()
    try:
        verdicts = verify(archive, *(ct(key.sop_instance_uid) for key in keys), ct("1.9.9"))
    finally:
        events.unregister("before-call.dynamodb.*", unique_id="count")
    assert verdicts == [Verdict.COMMITTED] * 200 + [Verdict.MISSING]
    assert len(calls) < 20
    assert time.monotonic() - began < 20


def test_nothing_is_said_when_the_bucket_does_not_answer(archive):
    archive.store("1.2", "1.2.1", "1.2.1.1")
    archive.objects.available = False
    with pytest.raises(Unavailable):
        verify(archive, ct("1.2.1.1"))
