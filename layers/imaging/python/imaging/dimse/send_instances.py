"""A DIMSE node as a binding's target: C-STORE as SCU, PS3.4 Annex B."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TypeAlias

from imaging.dimse.data_sets import next_data_set
from imaging.dimse.node import Node
from imaging.dimse.outgoing import Kind
from imaging.dimse.requested_association import MAX_KINDS, RequestedAssociation
from imaging.dimse.status import is_stored
from imaging.distribution.store_failure import failure_of
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.instance import Instance
from imaging.ports.delivery import Sent
from imaging.reading.retrieve_instances import Extent, Part

StreamParts: TypeAlias = Callable[[Iterable[Part]], Generator[bytes, None, None]]
"""`imaging.reading.retrieve_instances.RetrieveInstances.stream`."""

IDLE_SECONDS = 5.0
"""How long an association is kept for what may come next."""


class DimseTarget:
    """`imaging.ports.delivery.InstanceTarget` by C-STORE; the data sets' bytes are the stored ones.

    Each kind of instance is proposed in the transfer syntax that it is stored
    in, and in no other. The association is kept for a few seconds.

    Parameters
    ----------
    stream
        Reads instances in the versions that their rows name.
    """

    def __init__(self, node: Node, stream: StreamParts, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._node = node
        self._stream = stream
        self._idle_seconds = idle_seconds
        self._association: RequestedAssociation | None = None
        self._turn = threading.Lock()
        self._idle: threading.Timer | None = None

    def send(self, instances: Sequence[Instance]) -> Generator[Sent, None, None]:
        """Send them one by one over as few associations as their kinds need; see the port."""
        with self._turn:
            self._stay()
            try:
                for run in _runs(instances):
                    yield from self._stored(run)
            finally:
                self._leave_later()

    def close(self) -> None:
        """Release the association."""
        with self._turn:
            self._stay()
            self._leave()

    def _stored(self, run: Sequence[Instance]) -> Iterator[Sent]:
        kinds, left = list(dict.fromkeys(map(_kind, run))), deque(run)
        while left:  # over another association behind an instance that ended one
            for sent in self._stored_over(self._associated(kinds), tuple(left)):
                left.popleft()
                yield sent

    def _stored_over(self, association: RequestedAssociation, instances: Sequence[Instance]) -> Iterator[Sent]:
        accepted = [instance for instance in instances if _kind(instance) in association.accepted]
        with closing(self._stream(Extent.whole(instance) for instance in accepted)) as pieces:
            for instance in instances:
                kind = _kind(instance)
                if kind not in association.accepted:
                    yield Sent(instance, _not_accepted(instance))
                    continue
                try:
                    data_set = next_data_set(pieces, instance.size_bytes)
                except (Unavailable, Rejected) as failure:
                    yield Sent(instance, failure)
                    return  # nothing comes out of the stream behind it
                try:
                    status = association.outgoing.store(
                        association.accepted[kind], kind, instance.key.sop_instance_uid, data_set
                    )
                except (Unavailable, Rejected) as failure:
                    association.abort()  # the middle of a message may be the last thing that was sent
                    yield Sent(instance, failure)
                    return
                yield Sent(instance, None if is_stored(status) else failure_of(status))

    def _associated(self, kinds: Sequence[Kind]) -> RequestedAssociation:
        kept = self._association
        if kept and kept.is_open and kept.kinds.issuperset(kinds):
            return kept
        self._leave()
        self._association = RequestedAssociation(self._node, kinds)
        return self._association

    def _stay(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None

    def _leave_later(self) -> None:
        if self._association:
            self._idle = threading.Timer(self._idle_seconds, self._leave_if_idle)
            self._idle.daemon = True
            self._idle.start()

    def _leave_if_idle(self) -> None:
        with self._turn:
            if self._idle is threading.current_thread():
                self._leave()

    def _leave(self) -> None:
        if self._association:
            self._association.release()
            self._association = None


def _runs(instances: Sequence[Instance]) -> Iterator[list[Instance]]:
    """Instances that follow one another and have no more kinds than an association can have."""
    run: list[Instance] = []
    kinds: set[Kind] = set()
    for instance in instances:
        if len(kinds | {_kind(instance)}) > MAX_KINDS:
            yield run
            run, kinds = [], set()
        run.append(instance)
        kinds.add(_kind(instance))
    if run:
        yield run


def _kind(instance: Instance) -> Kind:
    return Kind(instance.sop_class_uid, instance.arrival.transfer_syntax_uid)


def _not_accepted(instance: Instance) -> Rejected:
    kind = _kind(instance)
    return Rejected(
        RejectReason.NOT_ACCEPTABLE,
        f"The node does not accept SOP Class {kind.sop_class_uid} in transfer syntax {kind.transfer_syntax_uid}, in "
        "which the instance is stored; let it accept that: what goes out is not transcoded.",
    )
