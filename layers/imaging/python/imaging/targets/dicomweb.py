"""Another DICOMweb server, by STOW-RS; PS3.18 Section 10.5."""

from collections.abc import Generator, Iterable, Iterator, Sequence

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.instance import Instance
from imaging.ports.delivery import Sent
from imaging.targets.http_endpoint import Answer, HttpEndpoint, TargetUnavailable
from imaging.targets.store_answer import StoreAnswer
from imaging.targets.store_body import StoreBody, StreamParts

BATCH_BYTES = 32 * 1024 * 1024
"""Of one request; a larger instance goes alone."""

BATCH_INSTANCES = 50


class DicomWebTarget:
    """`imaging.ports.delivery.InstanceTarget` over HTTP; what goes out are the stored bytes, read as they go.

    Parameters
    ----------
    studies
        The server's ``…/studies``.
    stream
        Reads instances in the versions that their rows name.
    """

    def __init__(
        self,
        studies: HttpEndpoint,
        stream: StreamParts,
        *,
        batch_bytes: int = BATCH_BYTES,
        batch_instances: int = BATCH_INSTANCES,
    ) -> None:
        self._studies = studies
        self._stream = stream
        self._batch_bytes = batch_bytes
        self._batch_instances = batch_instances

    def send(self, instances: Sequence[Instance]) -> Generator[Sent, None, None]:
        """Send them in batches; see the port."""
        for batch in self._batches(instances):
            yield from self._stored(batch)

    def _stored(self, batch: Sequence[Instance]) -> Iterator[Sent]:
        try:
            answer = self._post(batch)
        except TargetUnavailable:
            raise
        except Unavailable as failure:  # perhaps one of them makes the server fail, or cannot be read
            if len(batch) == 1:
                yield Sent(batch[0], failure)
                return
            for instance in batch:
                yield from self._stored([instance])
            return
        told = StoreAnswer.of(answer)
        for instance in sorted(batch, key=lambda one: not told.has(one.key.sop_instance_uid)):
            uid = instance.key.sop_instance_uid
            if told.has(uid):
                yield Sent(instance)
            elif reason := told.failure(uid):
                yield Sent(instance, reason)
            elif len(batch) > 1:  # the request failed as a whole, or this one without a word: ask by itself
                yield from self._stored([instance])
            elif answer.is_success:
                yield Sent(instance, _unconfirmed(answer) if told.is_readable else _unreadable(answer))
            else:
                yield Sent(instance, self._studies.refusal(answer))

    def _post(self, batch: Sequence[Instance]) -> Answer:
        body = StoreBody(batch, self._stream)
        return self._studies.post(body, {"Content-Type": body.content_type, "Accept": "application/dicom+json"})

    def _batches(self, instances: Iterable[Instance]) -> Iterator[list[Instance]]:
        batch: list[Instance] = []
        size_bytes = 0
        for instance in instances:
            if batch and (size_bytes + instance.size_bytes > self._batch_bytes or len(batch) == self._batch_instances):
                yield batch
                batch, size_bytes = [], 0
            batch.append(instance)
            size_bytes += instance.size_bytes
        if batch:
            yield batch


def studies_address(base: str) -> str:
    """Where to store, of the address that a binding names: a service's base, with ``/studies`` or without."""
    return f"{base.rstrip('/').removesuffix('/studies')}/studies"


def _unreadable(answer: Answer) -> Unavailable:
    return Unavailable(f"The target answers {answer.status} with something that is no DICOM JSON; it is tried again.")


def _unconfirmed(answer: Answer) -> Rejected:
    return Rejected(
        RejectReason.MALFORMED_REQUEST,
        f"The target answers {answer.status} and does not say that it has stored the instance; its own log says more.",
    )
