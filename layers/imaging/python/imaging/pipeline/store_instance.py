"""Stage 1: take an instance, whichever door it comes through."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from imaging.dicom.broken_values import broken_values
from imaging.dicom.byte_source import ByteSource, sha256_from, source_of
from imaging.dicom.header import Header, read_header
from imaging.dicom.pixel_data import check_pixel_data
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Arrival, Door
from imaging.pipeline.large_deletion import LargeDeletions
from imaging.pipeline.object_source import ObjectSource
from imaging.pipeline.read_ahead_source import ReadAheadSource
from imaging.ports.objects import Body, CopyOf, ObjectStore, StoredObject
from imaging.settings import OtherBytes, Space, space_named

CONTENT_TYPE = "application/dicom"

_ROUNDS = 5
_LARGEST_SENT_UNASKED_BYTES = 16 * 1024 * 1024  # a larger one is sent only where the key is free, or shall be replaced
_LARGEST_LOOKED_THROUGH_BYTES = 1024 * 1024  # of a larger file the sequences are left to indexing: they may be endless


class Outcome(StrEnum):
    """What became of an instance that was taken."""

    CREATED = "created"
    REPLACED = "replaced"
    """It was there with other bytes; those stay as an object version."""
    IDENTICAL = "identical"
    """It was there already; nothing was written."""


@dataclass(frozen=True)
class Stored:
    """An instance that is durable.

    Attributes
    ----------
    broken
        Where its values break their VR, as `imaging.dicom.broken_values` names
        them; they are stored as they came and not indexed.
    """

    key: InstanceKey
    sop_class_uid: str
    outcome: Outcome
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Received:
    """An instance that can be stored, with its file's bytes untouched; see `Stored`."""

    key: InstanceKey
    sop_class_uid: str
    part10: Body
    data_set_bytes: int
    arrival: Arrival
    broken: tuple[str, ...]


class StoreInstance:
    """Checks an instance and writes it to its one key.

    Parameters
    ----------
    clock
        The moment, UTC.
    """

    def __init__(self, objects: ObjectStore, spaces: Mapping[str, Space], clock: Callable[[], datetime]) -> None:
        self._objects = objects
        self._spaces = spaces
        self._clock = clock
        self._large_deletions = LargeDeletions(objects)

    def __call__(
        self,
        space: str,
        part10: Body,
        *,
        door: Door,
        calling_ae_title: str = "",
        study_instance_uid: str | None = None,
        expected_instances: int | None = None,
    ) -> Stored:
        """Take one instance; when this returns, S3 has confirmed it.

        Raises
        ------
        Rejected
            As `receive` and `keep`.
        Unavailable
            Nothing is lost if the sender tries again.
        """
        return self.keep(
            self.receive(
                space,
                part10,
                door=door,
                calling_ae_title=calling_ae_title,
                study_instance_uid=study_instance_uid,
                expected_instances=expected_instances,
            )
        )

    def receive(
        self,
        space: str,
        part10: Body,
        *,
        door: Door,
        calling_ae_title: str = "",
        study_instance_uid: str | None = None,
        expected_instances: int | None = None,
    ) -> Received:
        """Check an instance without storing it.

        Parameters
        ----------
        part10
            A whole file, PS3.10 Section 7. One that is not in memory is read by
            pieces, and must stay open, or where it lies, until it has been kept.
        study_instance_uid
            The study it must belong to, if the sender named one.
        expected_instances
            How many instances the study shall have, if the sender says so.

        Raises
        ------
        Rejected
            As `read_header` and `check_pixel_data`; `OTHER_STUDY`;
            `SOP_CLASS_MISMATCH` if what stands before the data set does not
            go with it; `NO_SUCH_SPACE`.
        """
        space_named(self._spaces, space)
        with self._reading(part10) as source:
            received = self._received(space, part10, source, door, calling_ae_title, study_instance_uid)
        return replace(received, arrival=replace(received.arrival, expected_instances=expected_instances))

    def _received(
        self,
        space: str,
        part10: Body,
        source: ByteSource,
        door: Door,
        calling_ae_title: str,
        study_instance_uid: str | None,
    ) -> Received:
        header = read_header(source, keep_sequences=source.size_bytes <= _LARGEST_LOOKED_THROUGH_BYTES)
        try:
            _check_names(header, door)
            if study_instance_uid not in {None, header.study_instance_uid}:
                raise Rejected(RejectReason.OTHER_STUDY, "The instance belongs to another study than the one named.")
            check_pixel_data(source, header)
        except Rejected as rejected:
            raise _naming(rejected, header.sop_class_uid, header.sop_instance_uid) from rejected
        return Received(
            key=InstanceKey.checked(
                space, header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid
            ),
            sop_class_uid=header.sop_class_uid,
            part10=part10,
            data_set_bytes=source.size_bytes - header.data_set_offset,
            broken=tuple(broken_values(header)),
            arrival=Arrival(
                data_set_digest=sha256_from(source, header.data_set_offset),
                transfer_syntax_uid=header.transfer_syntax_uid,
                door=door,
                stored_at=self._clock(),
                calling_ae_title=calling_ae_title,
            ),
        )

    def keep(self, received: Received) -> Stored:
        """Store an instance that was checked.

        Raises
        ------
        Rejected
            `OTHER_BYTES_STORED`, in a space that refuses them.
        Unavailable
            The store does not answer, too many senders store the same instance
            at once, or a deletion of it is not through yet.
        """
        refuses = self._spaces[received.key.space].other_bytes is OtherBytes.REFUSE
        is_large = received.data_set_bytes > _LARGEST_SENT_UNASKED_BYTES
        for _ in range(_ROUNDS):
            current = self._current(received) if is_large else None
            if current is None and self._put_if_absent(received):
                return _stored(received, Outcome.CREATED)
            current = current or self._current(received)
            if current is None:
                continue  # deleted since
            if self._large_deletions.covers(received.key, current):
                raise Unavailable("What is stored of this study is being deleted; send it again in a minute.")
            if self._is_identical(received, current):
                return _stored(received, Outcome.IDENTICAL)
            if refuses:
                refusal = Rejected(
                    RejectReason.OTHER_BYTES_STORED,
                    "The SOP Instance UID is taken by an instance with other bytes, which this space keeps.",
                )
                raise _naming(refusal, received.sop_class_uid, received.key.sop_instance_uid)
            if self._put_if_unchanged(received, current.etag):
                return _stored(received, Outcome.REPLACED)
        raise Unavailable("Others store the same instance at this moment; send it again.")

    @contextmanager
    def _reading(self, part10: Body) -> Iterator[ByteSource]:
        if isinstance(part10, CopyOf):
            with ReadAheadSource(self._objects, part10) as source:
                yield source
        else:
            yield source_of(part10)

    def _current(self, received: Received) -> StoredObject | None:
        return self._objects.head(received.key.space, received.key.object_key)

    def _put_if_absent(self, received: Received) -> str | None:
        return self._objects.put_if_absent(
            received.key.space,
            received.key.object_key,
            received.part10,
            metadata=self._arriving(received),
            content_type=CONTENT_TYPE,
        )

    def _put_if_unchanged(self, received: Received, etag: str) -> str | None:
        return self._objects.put_if_unchanged(
            received.key.space,
            received.key.object_key,
            received.part10,
            etag=etag,
            metadata=self._arriving(received),
            content_type=CONTENT_TYPE,
        )

    def _arriving(self, received: Received) -> Mapping[str, str]:
        """The moment is that of the put, which may be long after the check: a deletion goes by it."""
        return replace(received.arrival, stored_at=self._clock()).as_object_metadata()

    def _is_identical(self, received: Received, current: StoredObject) -> bool:
        arrival = Arrival.of_object_metadata(current.metadata)
        if arrival:
            return received.arrival.is_identical_to(arrival)
        return self._holds_data_set_of(received, current)

    def _holds_data_set_of(self, received: Received, current: StoredObject) -> bool:
        """Compare with an object that no door of ours wrote; its data set is read only if the size is right."""
        stored = ObjectSource(self._objects, received.key, current, b"")
        try:
            header = read_header(stored, keep_sequences=False)
        except Rejected:
            return False
        return (
            header.transfer_syntax_uid == received.arrival.transfer_syntax_uid
            and current.size_bytes - header.data_set_offset == received.data_set_bytes
            and sha256_from(stored, header.data_set_offset) == received.arrival.data_set_digest
        )


def _check_names(header: Header, door: Door) -> None:
    """Compare what stands before the data set with the data set, PS3.10 Table 7.1-1.

    In a C-STORE it is what the association said, and must be right. In a file
    the SOP Instance UID often is an earlier one: who gave the data set a new
    one, as de-identification does, forgot it there. The data set decides.
    """
    stated = [(header.media_storage_sop_class_uid, header.sop_class_uid)]
    if door is Door.C_STORE:
        if header.is_encoded_otherwise:  # the file that we make of it would be unreadable to most
            raise Rejected(RejectReason.NOT_DICOM, "The data set is not encoded in the transfer syntax of its context.")
        stated.append((header.media_storage_sop_instance_uid, header.sop_instance_uid))
    if any(outside and outside != inside for outside, inside in stated):
        raise Rejected(
            RejectReason.SOP_CLASS_MISMATCH,
            "The File Meta Information names another SOP Class or SOP Instance than the data set.",
        )


def _naming(rejected: Rejected, sop_class_uid: str, sop_instance_uid: str) -> Rejected:
    return Rejected(rejected.reason, str(rejected), sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid)


def _stored(received: Received, outcome: Outcome) -> Stored:
    return Stored(received.key, received.sop_class_uid, outcome, received.broken)
