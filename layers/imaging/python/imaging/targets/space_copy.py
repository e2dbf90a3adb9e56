"""Another storage space of the deployment: a copy from bucket to bucket, of any size, through no process."""

from collections.abc import Generator, Sequence
from functools import partial

from imaging.dicom.header import data_set_offset
from imaging.errors import Rejected, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Arrival, Door, Instance
from imaging.pipeline.store_instance import Received, StoreInstance
from imaging.ports.delivery import Sent
from imaging.ports.objects import CopyOf, ObjectStore
from imaging.reading.instance_source import InstanceSource
from imaging.reading.read_ahead import Fetch, ReadAhead

_HELD_BYTES = 64 * 1024  # of a copy under way: the head of the file


class SpaceCopy:
    """`imaging.ports.delivery.InstanceTarget` by stage 1 of the other space, whose rules decide.

    What is identical there is not written; other bytes replace or are refused
    as that space is configured. A copy is stored now; its door and calling AE
    title stay those by which the instance came in.

    Parameters
    ----------
    space
        Where the copies go.
    """

    def __init__(self, store: StoreInstance, objects: ObjectStore, read_ahead: ReadAhead, space: str) -> None:
        self._store = store
        self._objects = objects
        self._read_ahead = read_ahead
        self._space = space

    def send(self, instances: Sequence[Instance]) -> Generator[Sent, None, None]:
        """Copy them side by side; see the port."""
        return self._read_ahead.in_order(Fetch(_HELD_BYTES, partial(self._copied, instance)) for instance in instances)

    def _copied(self, instance: Instance) -> Sent:
        try:
            self._store.keep(self._received(instance))
        except (Rejected, Unavailable) as failure:
            return Sent(instance, failure)
        return Sent(instance)

    def _received(self, instance: Instance) -> Received:
        key, arrival = instance.key, instance.arrival
        copy = CopyOf(key.space, key.object_key, instance.version_id, instance.size_bytes)
        if arrival.door is Door.BY_HAND:  # no door has made a digest of its data set
            return self._store.receive(self._space, copy, door=Door.BY_HAND)
        offset = data_set_offset(InstanceSource(self._objects, instance))
        return Received(
            key=InstanceKey(self._space, key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid),
            sop_class_uid=instance.sop_class_uid,
            part10=copy,
            data_set_bytes=instance.size_bytes - offset,
            # How many the study shall have was said of the other space; of this one it need not be true.
            arrival=Arrival(
                arrival.data_set_digest,
                arrival.transfer_syntax_uid,
                arrival.door,
                arrival.stored_at,
                arrival.calling_ae_title,
            ),
            broken=(),
        )
