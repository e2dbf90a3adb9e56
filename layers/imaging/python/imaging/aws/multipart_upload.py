"""A large object put in parts, which appears only when all of them are there."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any, BinaryIO

PART_BYTES = 16 * 1024 * 1024
_MAX_PARTS = 10_000
_SIDE_BY_SIDE = 4  # of the whole process, so that its memory has a bound however many objects come at once


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
    place = {"Bucket": object_["Bucket"], "Key": object_["Key"]}
    upload_id = s3.create_multipart_upload(**object_, ChecksumAlgorithm="SHA256")["UploadId"]
    turn = threading.Lock()
    part_bytes = max(PART_BYTES, -(-size_bytes // _MAX_PARTS))

    def put(number: int, first: int) -> dict[str, Any]:
        with turn:
            body.seek(first)
            piece = body.read(part_bytes)
        answer = s3.upload_part(**place, UploadId=upload_id, PartNumber=number, Body=piece, ChecksumAlgorithm="SHA256")
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]}

    puts = [
        in_turn().submit(put, number, first) for number, first in enumerate(range(0, size_bytes, part_bytes), start=1)
    ]
    try:
        parts = [each.result() for each in puts]
        answer = s3.complete_multipart_upload(
            **place, UploadId=upload_id, MultipartUpload={"Parts": parts}, **condition
        )
    except Exception:
        for each in puts:
            each.cancel()
        wait(puts)  # what arrives after the abort would stay
        s3.abort_multipart_upload(**place, UploadId=upload_id)
        raise
    version_id: str = answer["VersionId"]
    return version_id


@cache
def in_turn() -> ThreadPoolExecutor:
    """The threads in which this process holds what comes from files, and sends it."""
    return ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="upload")
