"""A large object put in parts, which appears only when all of them are there."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache, partial
from typing import Any, BinaryIO, TypeAlias

from imaging.ports.objects import CopyOf

PART_BYTES = 16 * 1024 * 1024
COPIED_PART_BYTES = 256 * 1024 * 1024  # S3 copies at most 5 GiB a call, and several parts faster than one
_LEAST_PART_BYTES = 5 * 1024 * 1024  # of S3's own rule, for all but the last
_MAX_PARTS = 10_000
_SAID_OF_A_PART = {"ETag", "ChecksumSHA256"}
_SIDE_BY_SIDE = 4  # of the whole process, so that its memory has a bound however many objects come at once

Part: TypeAlias = dict[str, Any]


def put_in_parts(
    s3: Any,  # noqa: ANN401 - boto3 makes its clients' classes at run time
    body: BinaryIO,
    size_bytes: int,
    *,
    object_: Mapping[str, Any],
    condition: Mapping[str, str],
) -> str:
    """Put an object; the new version id.

    S3 checks a SHA-256 of every part. A failed upload is aborted; one that
    nobody could abort any more is the bucket's lifecycle rule's to remove.

    Parameters
    ----------
    object_
        ``Bucket``, ``Key`` and what CreateMultipartUpload takes beside them.
    condition
        ``IfNoneMatch`` or ``IfMatch``, which decides at the end.

    Raises
    ------
    ClientError, BotoCoreError
        As boto3 raises them.
    """
    turn = threading.Lock()
    part_bytes = max(PART_BYTES, -(-size_bytes // _MAX_PARTS))

    def put(first: int, part: Part) -> Part:
        with turn:
            body.seek(first)
            piece = body.read(part_bytes)
        return _uploaded(s3, piece, part)

    return _in_parts(s3, [partial(put, first) for first in range(0, size_bytes, part_bytes)], object_, condition)


def put_copy(
    s3: Any,  # noqa: ANN401 - as above
    body: CopyOf,
    source_bucket: str,
    *,
    object_: Mapping[str, Any],
    condition: Mapping[str, str],
) -> str:
    """Put a copy of an object version, of any size; the new version id.

    S3 moves the bytes by itself, but for those that follow `body.after`: a part
    has at least 5 MiB.

    Raises
    ------
    ClientError, BotoCoreError
        As boto3 raises them.
    """
    source = {"Bucket": source_bucket, "Key": body.object_key, "VersionId": body.version_id}
    part_bytes = max(COPIED_PART_BYTES, -(-body.size_bytes // (_MAX_PARTS - 1)))

    def put_beginning(until: int, part: Part) -> Part:
        answer = s3.get_object(**source, Range=f"bytes=0-{until - 1}") if until else {}
        return _uploaded(s3, body.after + (answer["Body"].read() if until else b""), part)

    def copy(first: int, last: int, part: Part) -> Part:
        answer = s3.upload_part_copy(**part, CopySource=source, CopySourceRange=f"bytes={first}-{last}")
        return {name: answer["CopyPartResult"][name] for name in _SAID_OF_A_PART & answer["CopyPartResult"].keys()}

    begun = min(_LEAST_PART_BYTES, body.size_bytes) if body.after else 0
    puts: list[Callable[[Part], Part]] = [partial(put_beginning, begun)] if body.after or not body.size_bytes else []
    for first in range(begun, body.size_bytes, part_bytes):
        puts.append(partial(copy, first, min(first + part_bytes, body.size_bytes) - 1))
    return _in_parts(s3, puts, object_, condition)


def _uploaded(s3: Any, piece: bytes, part: Part) -> Part:  # noqa: ANN401 - as above
    answer = s3.upload_part(**part, Body=piece, ChecksumAlgorithm="SHA256")
    return {name: answer[name] for name in _SAID_OF_A_PART & answer.keys()}


def _in_parts(
    s3: Any,  # noqa: ANN401 - as above
    puts: Sequence[Callable[[Part], Part]],
    object_: Mapping[str, Any],
    condition: Mapping[str, str],
) -> str:
    """Let each of `puts` put its part, side by side, and complete the upload with what they say of them."""
    place = {"Bucket": object_["Bucket"], "Key": object_["Key"]}
    upload_id = s3.create_multipart_upload(**object_, ChecksumAlgorithm="SHA256")["UploadId"]
    under_way = [
        in_turn().submit(put, {**place, "UploadId": upload_id, "PartNumber": number})
        for number, put in enumerate(puts, start=1)
    ]
    try:
        parts = [{"PartNumber": number, **each.result()} for number, each in enumerate(under_way, start=1)]
        answer = s3.complete_multipart_upload(
            **place, UploadId=upload_id, MultipartUpload={"Parts": parts}, **condition
        )
    except Exception:
        for each in under_way:
            each.cancel()
        wait(under_way)  # what arrives after the abort would stay
        s3.abort_multipart_upload(**place, UploadId=upload_id)
        raise
    version_id: str = answer["VersionId"]
    return version_id


@cache
def in_turn() -> ThreadPoolExecutor:
    """The threads in which this process holds what comes from files, and sends it."""
    return ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="upload")
