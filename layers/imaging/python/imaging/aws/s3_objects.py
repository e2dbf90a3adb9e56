"""The spaces' buckets."""

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from imaging.aws.clients import client, error_code, ours_to_retry
from imaging.aws.delete_objects import delete_objects
from imaging.aws.multipart_upload import PART_BYTES, in_turn, put_copy, put_in_parts
from imaging.errors import Unavailable
from imaging.ports.objects import Body, CopyOf, ListedVersion, StoredObject
from imaging.settings import Space, space_named

_HELD_ANYWAY_BYTES = 1024 * 1024  # a file that is no longer is in memory, by whoever made it
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
_ABSENT = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"}  # the last: the version is a delete marker
_OUT_OF_RANGE = {"InvalidRange", "416"}


class S3Objects:
    """`imaging.ports.objects`, all three, on the buckets of the configured spaces."""

    def __init__(self, spaces: Mapping[str, Space]) -> None:
        self._spaces = spaces

    def put_if_absent(
        self, space: str, object_key: str, body: Body, *, metadata: Mapping[str, str], content_type: str
    ) -> str | None:
        """Write unless the key is taken; the new version id, or None if it is."""
        return self._put(space, object_key, body, metadata, content_type, IfNoneMatch="*")

    def put_if_unchanged(
        self,
        space: str,
        object_key: str,
        body: Body,
        *,
        etag: str,
        metadata: Mapping[str, str],
        content_type: str,
    ) -> str | None:
        """Write a further version over the one with `etag`; None if that is no longer the current one."""
        return self._put(space, object_key, body, metadata, content_type, IfMatch=etag)

    def head(self, space: str, object_key: str) -> StoredObject | None:
        """The current version; None if there is none or it is a delete marker."""
        try:
            with ours_to_retry("looking at an object"):
                return _stored(client("s3").head_object(Bucket=self._bucket(space), Key=object_key))
        except Unavailable as failure:
            if _code(failure) in _ABSENT:
                return None
            raise

    def read(
        self, space: str, object_key: str, *, first: int = 0, last: int | None = None, version_id: str | None = None
    ) -> tuple[StoredObject, bytes] | None:
        """Bytes `first` to `last`, both counted from 0 and included; None if there is no such object."""
        wanted: dict[str, Any] = {"Bucket": self._bucket(space), "Key": object_key}
        if version_id:
            wanted["VersionId"] = version_id
        if first or last is not None:
            wanted["Range"] = f"bytes={first}-{'' if last is None else last}"
        try:
            with ours_to_retry("reading an object"):
                answer = client("s3").get_object(**wanted)
                body = answer["Body"].read()
                if "Range" in wanted and "ContentRange" not in answer:
                    # A server may ignore a range and send the whole, RFC 9110 Section 14.2.
                    body = body[first : None if last is None else last + 1]
                return _stored(answer), body
        except Unavailable as failure:
            if _code(failure) in _ABSENT:
                return None
            if _code(failure) in _OUT_OF_RANGE:
                return self._nothing(space, object_key, version_id)
            raise

    def set_aside(self, space: str, object_key: str, version_id: str, aside_key: str, reason: str) -> None:
        """Move one version to `aside_key`, with the metadata `reason`."""
        bucket = self._bucket(space)
        try:
            with ours_to_retry("setting an object aside"):
                client("s3").copy(  # in parts when it is over 5 GB
                    {"Bucket": bucket, "Key": object_key, "VersionId": version_id},
                    bucket,
                    aside_key,
                    ExtraArgs={
                        "Metadata": {"reason": reason},
                        "MetadataDirective": "REPLACE",
                        "TaggingDirective": "REPLACE",
                    },
                )
                client("s3").delete_object(Bucket=bucket, Key=object_key, VersionId=version_id)
        except Unavailable as failure:
            if _code(failure) not in _ABSENT:  # absent: another delivery of the same event was here first
                raise

    def remove_version(self, space: str, object_key: str, version_id: str) -> None:
        """Remove one version for good; what was current before it is so again."""
        with ours_to_retry("removing an object version"):
            client("s3").delete_object(Bucket=self._bucket(space), Key=object_key, VersionId=version_id)

    def delete(self, space: str, object_key: str) -> None:
        """Remove the current version, by a delete marker."""
        with ours_to_retry("deleting an object"):
            client("s3").delete_object(Bucket=self._bucket(space), Key=object_key)

    def delete_all(self, space: str, object_keys: Sequence[str]) -> None:
        """Remove the current version of each, by delete markers; when it fails, some may be removed."""
        delete_objects(client("s3"), self._bucket(space), object_keys)

    def keys(self, space: str, prefix: str) -> Iterator[str]:
        """The keys below `prefix` that have an object now, in their order."""
        wanted: dict[str, Any] = {"Bucket": self._bucket(space), "Prefix": prefix}
        while True:
            with ours_to_retry("listing a bucket"):
                page = client("s3").list_objects_v2(**wanted)
            yield from (entry["Key"] for entry in page.get("Contents", []))
            if not page.get("IsTruncated"):
                return
            wanted["ContinuationToken"] = page["NextContinuationToken"]

    def studies(self, space: str, after: str = "") -> Iterator[str]:
        """Study Instance UIDs that have objects now, in the order of the keys, those behind `after`."""
        wanted: dict[str, Any] = {"Bucket": self._bucket(space), "Prefix": "studies/", "Delimiter": "/"}
        if after:
            wanted["StartAfter"] = f"studies/{after}/"  # which gives it once more: it has keys behind that
        while True:
            with ours_to_retry("listing a bucket"):
                page = client("s3").list_objects_v2(**wanted)
            uids = (entry["Prefix"].split("/")[1] for entry in page.get("CommonPrefixes", []))
            yield from (uid for uid in uids if uid != after)
            if not page.get("IsTruncated"):
                return
            wanted["ContinuationToken"] = page["NextContinuationToken"]

    def all_versions(self, space: str, prefix: str, start_after: str = "") -> Iterator[ListedVersion]:
        """All versions of every key below `prefix`, in the order of the keys, the latest of each first."""
        wanted: dict[str, Any] = {"Bucket": self._bucket(space), "Prefix": prefix}
        if start_after:
            wanted["KeyMarker"] = start_after
        while True:
            with ours_to_retry("listing a bucket"):
                page = client("s3").list_object_versions(**wanted)
            yield from sorted(
                (
                    ListedVersion(
                        entry["Key"],
                        entry["VersionId"],
                        is_delete_marker,
                        entry["IsLatest"],
                        entry["LastModified"],
                        entry.get("Size", 0),
                    )
                    for entries, is_delete_marker in (
                        (page.get("Versions", []), False),
                        (page.get("DeleteMarkers", []), True),
                    )
                    for entry in entries
                ),
                key=lambda version: (version.object_key, not version.is_latest, -version.last_modified.timestamp()),
            )
            if not page.get("IsTruncated"):
                return
            wanted |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def has_versions(self, space: str, prefix: str) -> bool:
        """Whether any key below `prefix` has a version, or a delete marker."""
        with ours_to_retry("listing a bucket"):
            page = client("s3").list_object_versions(Bucket=self._bucket(space), Prefix=prefix, MaxKeys=1)
        return bool(page.get("Versions") or page.get("DeleteMarkers"))

    def signed_address(self, space: str, object_key: str, version_id: str, content_type: str, seconds: int) -> str:
        """An address that serves that one version, with that content type, for so long."""
        address: str = client("s3").generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket(space),
                "Key": object_key,
                "VersionId": version_id,
                "ResponseContentType": content_type,
                "ResponseCacheControl": "no-store",
            },
            ExpiresIn=seconds,
        )
        return address

    def _bucket(self, space: str) -> str:
        return space_named(self._spaces, space).bucket

    def _put(
        self,
        space: str,
        object_key: str,
        body: Body,
        metadata: Mapping[str, str],
        content_type: str,
        **condition: str,
    ) -> str | None:
        object_ = {
            "Bucket": self._bucket(space),
            "Key": object_key,
            "Metadata": dict(metadata),
            "ContentType": content_type,
        }
        try:
            with ours_to_retry("writing an object"):
                if isinstance(body, CopyOf):
                    return put_copy(client("s3"), body, self._bucket(body.space), object_=object_, condition=condition)
                return _put_whole_or_in_parts(body, object_, condition)
        except Unavailable as failure:
            is_copy = isinstance(body, CopyOf)  # then what is absent may be the source
            if _code(failure) in _TAKEN or (_code(failure) in _ABSENT and "IfMatch" in condition and not is_copy):
                return None
            raise

    def _nothing(self, space: str, object_key: str, version_id: str | None) -> tuple[StoredObject, bytes] | None:
        """No bytes, of an object shorter than the range that was asked for."""
        wanted = {"Bucket": self._bucket(space), "Key": object_key} | ({"VersionId": version_id} if version_id else {})
        try:
            with ours_to_retry("looking at an object"):
                return _stored(client("s3").head_object(**wanted)), b""
        except Unavailable as failure:
            if _code(failure) in _ABSENT:
                return None
            raise


def _put_whole_or_in_parts(body: bytes | BinaryIO, object_: Mapping[str, Any], condition: Mapping[str, str]) -> str:
    s3 = client("s3")
    if not isinstance(body, bytes):
        size_bytes = body.seek(0, os.SEEK_END)
        if size_bytes > PART_BYTES:
            return put_in_parts(s3, body, size_bytes, object_=object_, condition=condition)
        if size_bytes > _HELD_ANYWAY_BYTES:
            return in_turn().submit(_put_whole, s3, body, object_, condition).result()
    return _put_whole(s3, body, object_, condition)


def _put_whole(
    s3: Any,  # noqa: ANN401 - boto3's client
    body: bytes | BinaryIO,
    object_: Mapping[str, Any],
    condition: Mapping[str, str],
) -> str:
    if not isinstance(body, bytes):
        body.seek(0)
        body = body.read()
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    version_id: str = s3.put_object(**object_, Body=body, ChecksumSHA256=checksum, **condition)["VersionId"]
    return version_id


def _stored(answer: Mapping[str, Any]) -> StoredObject:
    total = answer["ContentRange"].rpartition("/")[2] if "ContentRange" in answer else answer["ContentLength"]
    return StoredObject(
        version_id=answer.get("VersionId", "null"),
        etag=answer["ETag"],
        size_bytes=int(total),
        last_modified=answer["LastModified"],
        metadata=answer["Metadata"],
    )


def _code(failure: Unavailable) -> str:
    cause = failure.__cause__
    return error_code(cause) if isinstance(cause, ClientError) else ""
