"""Copies from one space's bucket to another's, on the embedded AWS."""

from dataclasses import replace
from uuid import uuid4

import boto3
import pytest
from pydicom.uid import generate_uid

from imaging.aws import clients
from imaging.aws.s3_objects import S3Objects
from imaging.errors import RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Action, Arrival, Door, Instance
from imaging.pipeline.store_instance import StoreInstance
from imaging.reading.read_ahead import ReadAhead
from imaging.settings import OtherBytes, Space
from imaging.targets.space_copy import SpaceCopy
from tests.fakes import START, Clock
from tests.instances import part10_instance

TITLE = "MODALITÄT 1"


@pytest.fixture
def spaces(embedded_aws):
    clients.made.cache_clear()
    s3 = boto3.client("s3")
    spaces = {}
    for name, other_bytes in (
        ("main", OtherBytes.REPLACE),
        ("research", OtherBytes.REPLACE),
        ("kept", OtherBytes.REFUSE),
    ):
        bucket = f"{name}-{uuid4().hex}"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        spaces[name] = Space(name, bucket, name.upper(), other_bytes, "")
    yield spaces
    clients.made.cache_clear()


@pytest.fixture
def objects(spaces):
    return S3Objects(spaces)


@pytest.fixture
def store(objects, spaces):
    return StoreInstance(objects, spaces, Clock())


@pytest.fixture
def copy_to(objects, store):
    return lambda space: SpaceCopy(store, objects, ReadAhead(), space)


def stored(store, objects, key=None, expected_instances=None, **attributes):
    """Through a door, and as indexing would have it."""
    content = part10_instance(key or InstanceKey("main", "1.2", "1.2.3", generate_uid()), **attributes)
    key = store("main", content, door=Door.C_STORE, calling_ae_title=TITLE, expected_instances=expected_instances).key
    found = objects.head("main", key.object_key)
    arrival = Arrival.of_object_metadata(found.metadata)
    return Instance(key, 1, Action.CREATE, found.version_id, found.size_bytes, arrival, "1.2.840.10008.5.1.4.1.1.2", {})


def in_space(one, space):
    return replace(one.key, space=space)


def versions(spaces, space):
    return boto3.client("s3").list_object_versions(Bucket=spaces[space].bucket, Prefix="studies/")["Versions"]


def test_a_copy_has_the_bytes_and_the_arrival_but_is_stored_now(store, objects, copy_to):
    ones = [stored(store, objects, PatientID=f"P{number}", expected_instances=3) for number in range(3)]
    assert [(sent.instance, sent.refusal) for sent in copy_to("research").send(ones)] == [(one, None) for one in ones]
    for one in ones:
        copy, content = objects.read("research", in_space(one, "research").object_key)
        assert content == objects.read("main", one.key.object_key)[1]
        arrival = Arrival.of_object_metadata(copy.metadata)
        assert arrival.is_identical_to(one.arrival)
        assert (arrival.door, arrival.calling_ae_title) == (Door.C_STORE, TITLE)
        assert arrival.stored_at > one.arrival.stored_at
        assert arrival.expected_instances is None  # the filter may let through but a few


def test_what_is_there_is_not_written_again(store, spaces, objects, copy_to):
    one = stored(store, objects)
    for _ in range(2):
        assert [sent.refusal for sent in copy_to("research").send([one])] == [None]
    assert len(versions(spaces, "research")) == 1


def test_other_bytes_replace_where_the_space_says_so_and_are_refused_where_not(store, spaces, objects, copy_to):
    first = stored(store, objects)
    for space in ("research", "kept"):
        list(copy_to(space).send([first]))
    second = stored(store, objects, first.key, PatientID="OTHER")
    assert [sent.refusal for sent in copy_to("research").send([second])] == [None]
    assert objects.read("research", first.key.object_key)[1] == objects.read("main", first.key.object_key)[1]
    (sent,) = copy_to("kept").send([second])
    assert sent.refusal.reason is RejectReason.OTHER_BYTES_STORED
    assert len(versions(spaces, "kept")) == 1


def test_the_version_that_the_row_names_is_copied_whatever_came_since(store, objects, copy_to):
    first = stored(store, objects)
    content = objects.read("main", first.key.object_key)[1]
    stored(store, objects, first.key, PatientID="OTHER")
    list(copy_to("research").send([first]))
    assert objects.read("research", first.key.object_key)[1] == content


def test_an_instance_put_by_hand_is_copied_with_a_digest(objects, spaces, copy_to):
    key = InstanceKey("main", "1.2", "1.2.3", generate_uid())
    content = part10_instance(key)
    version_id = objects.put_if_absent("main", key.object_key, content, metadata={}, content_type="x/y")
    arrival = Arrival('etag:"abc"', "1.2.840.10008.1.2.1", Door.BY_HAND, START)
    one = Instance(key, 1, Action.CREATE, version_id, len(content), arrival, "1.2.840.10008.5.1.4.1.1.2", {})
    for _ in range(2):
        assert [sent.refusal for sent in copy_to("research").send([one])] == [None]
    assert len(versions(spaces, "research")) == 1
    found = Arrival.of_object_metadata(objects.head("research", key.object_key).metadata)
    assert found.door is Door.BY_HAND
    assert len(found.data_set_digest) == 64


def test_a_version_that_is_gone_holds_up_no_other(store, objects, copy_to):
    there, gone, too = (stored(store, objects) for _ in range(3))
    objects.remove_version("main", gone.key.object_key, gone.version_id)
    failures = [sent.failure for sent in copy_to("research").send([there, gone, too])]
    assert (failures[0], failures[2]) == (None, None)
    assert isinstance(failures[1], Unavailable)
