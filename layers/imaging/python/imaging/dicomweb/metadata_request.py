"""Instances from metadata and bulk data that come in parts; PS3.18 Sections 8.6.1.2 and 10.5.1."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, BinaryIO, Self

from imaging.dicom.file_range import FileRange
from imaging.dicom.json_data_set import read_json_data_set
from imaging.dicom.native_model import read_native_model
from imaging.dicom.uid import check_uid
from imaging.dicomweb.bulk_data import OCTET_STREAM, BulkPart
from imaging.dicomweb.bulk_data_files import BulkDataFiles
from imaging.dicomweb.bulk_data_locations import BulkDataLocations
from imaging.dicomweb.media_types import DICOM_JSON, DICOM_XML
from imaging.dicomweb.multipart import Part
from imaging.dicomweb.pending_instance import PendingInstance
from imaging.errors import Rejected, RejectReason

MAX_METADATA_BYTES = 16 * 1024 * 1024  # of one request; once read it takes some ten times as much memory
MAX_INSTANCES = 50_000  # of one request
_MAX_CONTAINERS = 1_000_000  # objects and arrays, which take most of it

Outcome = BinaryIO | Rejected


@dataclass
class _Awaited:
    """What has come for one BulkDataURI, by frame, and the instances that wait for it."""

    parts: dict[int, BulkPart] = field(default_factory=dict)
    instances: dict[int, PendingInstance] = field(default_factory=dict)
    number_of_parts: int = 1
    first_may_be_whole: bool = False


class MetadataAssembly:
    """Collects the parts of a request and gives each instance as soon as all its bulk data is there.

    Metadata comes before the bulk data it refers to, as PS3.18 has it. Parts
    that nothing refers to are passed over.

    Parameters
    ----------
    root_type
        What parts without a Content-Type are.
    """

    def __init__(self, root_type: str = DICOM_JSON) -> None:
        self._root_type = root_type
        self._awaited: dict[str, _Awaited] = {}
        self._pending: dict[int, PendingInstance] = {}
        self._locations = BulkDataLocations()
        self._files = BulkDataFiles()
        self._metadata_bytes = 0
        self._instances = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, part: Part) -> Iterator[Outcome]:
        """Take the next part, and its content with it.

        Yields
        ------
        BinaryIO or Rejected
            A whole Part 10 file at its beginning, which the caller closes; or
            why there is none of an instance.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST` or `TOO_LARGE` if the metadata cannot be read at all.
        """
        found = self._locations.find(part.content_location) if part.content_location else None
        if (part.content_type or ("" if found else self._root_type)) in {DICOM_JSON, DICOM_XML}:
            yield from self._metadata(part)
        elif found:
            yield from self._bulk_data(part, *found)
        else:
            part.content.close()

    def finish(self) -> Iterator[Rejected]:
        """Refuse the instances whose bulk data never came."""
        for instance in list(self._pending.values()):
            self._forget(instance)
            yield instance.missing()

    def _metadata(self, part: Part) -> Iterator[Outcome]:
        with part.content as content:
            self._metadata_bytes += FileRange.of(content).size_bytes
            if self._metadata_bytes > MAX_METADATA_BYTES:
                raise _too_large(f"is longer than {MAX_METADATA_BYTES // 1024 // 1024} MiB")
            content.seek(0)
            metadata = content.read()
        if (part.content_type or self._root_type) == DICOM_JSON:
            data_sets = _json_data_sets(metadata)
        else:
            try:
                data_sets = list(read_native_model(metadata))
            except Rejected as rejected:
                if rejected.reason is not RejectReason.NOT_DICOM:
                    raise
                yield rejected
                return
        del metadata
        self._instances += len(data_sets)
        if self._instances > MAX_INSTANCES:
            raise _too_large(f"has more than {MAX_INSTANCES} instances")
        for data_set in data_sets:
            yield from self._expect(data_set)

    def _expect(self, data_set: object) -> Iterator[Outcome]:
        try:
            instance = PendingInstance(read_json_data_set(data_set))
        except Rejected as rejected:
            yield rejected
            return
        self._pending[id(instance)] = instance
        for uri in instance.references:
            self._locations.add(uri)
            awaited = self._awaited.setdefault(uri, _Awaited())
            awaited.instances[id(instance)] = instance
            awaited.number_of_parts = max(awaited.number_of_parts, instance.frames_of(uri))
            instance.note(uri, awaited.parts, first_may_be_whole=awaited.first_may_be_whole)
        if instance.is_complete:
            yield self._assembled(instance)

    def _bulk_data(self, part: Part, uri: str, frame: int) -> Iterator[Outcome]:
        awaited = self._awaited[uri]
        number = frame or len(awaited.parts) + 1
        if number in awaited.parts or number > awaited.number_of_parts:
            part.content.close()
            return
        if number == 1:
            awaited.first_may_be_whole = not frame
        bulk = BulkPart(FileRange.of(part.content), part.content_type or OCTET_STREAM, _transfer_syntax(part))
        awaited.parts[number] = self._files.keep(bulk, is_one_of_many=awaited.number_of_parts > 1)
        for instance in list(awaited.instances.values()):
            instance.note(uri, awaited.parts, first_may_be_whole=awaited.first_may_be_whole and number == 1)
            if instance.is_complete:
                yield self._assembled(instance)

    def _assembled(self, instance: PendingInstance) -> Outcome:
        try:
            return instance.assemble({uri: self._awaited[uri].parts for uri in instance.references})
        except Rejected as rejected:
            return rejected
        finally:
            self._forget(instance)

    def _forget(self, instance: PendingInstance) -> None:
        del self._pending[id(instance)]
        for uri in instance.references:
            awaited = self._awaited[uri]
            del awaited.instances[id(instance)]
            if not awaited.instances:
                del self._awaited[uri]
                self._locations.remove(uri)
                for part in awaited.parts.values():
                    self._files.release(part)


def _json_data_sets(metadata: bytes) -> list[Any]:
    """The array of data sets, PS3.18 Section F.2.1; one that stands alone is tolerated."""
    if metadata.count(b"{") + metadata.count(b"[") > _MAX_CONTAINERS:
        raise _too_large(f"has more than {_MAX_CONTAINERS} objects and arrays")
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise _malformed("it is not JSON") from error
    if not isinstance(found, dict | list):
        raise _malformed("it is no array of data sets")
    return [found] if isinstance(found, dict) else found


def _transfer_syntax(part: Part) -> str:
    """What the part names by its parameter, PS3.18 Section 8.7.3.5.2; one that is no UID names nothing."""
    try:
        return check_uid("transfer-syntax", part.parameters.get("transfer-syntax", "").strip())
    except Rejected:
        return ""


def _malformed(what: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, f"The metadata cannot be read: {what}.")


def _too_large(what: str) -> Rejected:
    return Rejected(RejectReason.TOO_LARGE, f"The metadata {what}; send fewer instances at a time.")
