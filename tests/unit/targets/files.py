"""Stored instances to send."""

from pydicom.uid import generate_uid

from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.targets.store_body import StreamParts
from tests.fakes import InMemoryObjects
from tests.instances import part10_instance
from tests.unit.reading.stored_files import stored

STUDY = generate_uid()


def instance(objects: InMemoryObjects, **attributes: object) -> Instance:
    return stored(objects, part10_instance(InstanceKey("main", STUDY, "1.2.3", generate_uid()), **attributes))


def bytes_of(objects: InMemoryObjects, one: Instance) -> bytes:
    content = objects.versions(one.key.object_key)[-1].body
    assert content is not None
    return content


def stream_of(objects: InMemoryObjects) -> StreamParts:
    return RetrieveInstances(None, objects, objects).stream  # type: ignore[arg-type]
