"""S3 objects of any size, kept in files and not in memory.

MiniStack keeps the bytes of every version in memory until it ends, reads an
object whole for each range of it, ignores a range of a version, and copies an
object whole when another version or a delete marker comes on top of it. Here
a range is read, and copied into a part, where it lies, and what is replaced is linked to where its
version belongs: files are never written twice, only replaced.

The parts of an upload that grows large wait in files without a name, which end
with the process.
"""

import contextlib
import hashlib
import mmap
import os
import tempfile
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from ministack.services import s3

PARTS_IN_MEMORY_BYTES = 256 * 1024 * 1024
"""Of one upload."""

Answer = tuple[int, dict[str, str], bytes]
Record = dict[str, Any]


def install() -> None:
    """Replace how MiniStack reads ranges, keeps versions and keeps parts."""
    s3._get_object = _reading_ranges(s3._get_object)
    s3._persist_object = _forgetting(s3._persist_object)
    s3._persist_displaced_version = _linking(s3._persist_displaced_version)
    s3._upload_part = _spooling(s3._upload_part)
    s3._upload_part_copy = _copying_ranges(s3._upload_part_copy)


def _reading_ranges(get_object: Any) -> Any:  # noqa: ANN401 - MiniStack's functions have no types
    def get(bucket: str, key: str, headers: dict[str, str], query: dict[str, list[str]] | None = None) -> Answer:
        whole = {name: value for name, value in headers.items() if name not in ("range", "x-amz-checksum-mode")}
        if "range" not in headers or (query and "partNumber" in query):
            answer: Answer = get_object(bucket, key, headers, query)
            return answer
        status, found, body = s3._head_object(bucket, key, whole, query)
        if status != 200:  # as a read of the whole is refused
            return get_object(bucket, key, whole, query) if status == 404 else (status, found, body)
        size = int(found["Content-Length"])
        part = s3._parse_range(headers["range"], size)
        if part is None:
            refused = {"Content-Type": "application/xml", "Content-Range": f"bytes */{size}"}
            return 416, refused, s3._xml_body(s3._range_error_xml(bucket, key))
        first, last = part
        with open(_file(bucket, key, s3._qp(query or {}, "versionId", "")), "rb") as content:
            content.seek(first)
            body = content.read(last - first + 1)
        found |= {"Content-Length": str(len(body)), "Content-Range": f"bytes {first}-{last}/{size}"}
        s3._apply_response_overrides(found, query or {})
        return 206, found, body

    return get


def _file(bucket: str, key: str, version_id: str) -> str:
    """Where the bytes lie: a version that was current when it was replaced has its own file."""
    if version_id and s3._version_file_exists(bucket, key, version_id):
        return str(s3._version_disk_path(bucket, key, version_id))
    return str(s3._object_disk_path(bucket, key))


def _forgetting(persist_object: Any) -> Any:  # noqa: ANN401
    def persist(bucket: str, key: str, record: Record) -> None:
        persist_object(bucket, key, record)
        if record.get("body") is None:  # it is in its file now
            for version in s3._object_versions.get((bucket, key), []):
                if version["version_id"] == (record.get("version_id") or "null"):
                    version["data"] = None

    return persist


def _linking(persist_displaced: Any) -> Any:  # noqa: ANN401
    def persist(bucket: str, key: str, displaced: Record | None, versioning: str) -> None:
        if displaced and displaced.get("version_id") and displaced.get("body") is None:
            source, kept = (
                s3._object_disk_path(bucket, key),
                s3._version_disk_path(bucket, key, displaced["version_id"]),
            )
            os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
            with contextlib.suppress(FileExistsError):  # from the time before a delete marker that is gone
                os.link(source, kept)
        else:
            persist_displaced(bucket, key, displaced, versioning)

    return persist


def _spooling(upload_part: Any) -> Any:  # noqa: ANN401
    def upload(bucket: str, key: str, body: bytes, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        answer: Answer = upload_part(bucket, key, body, query, headers)
        if answer[0] == 200 and body:
            parts = s3._multipart_uploads[s3._qp(query, "uploadId")]["parts"]
            if sum(part["size"] for part in parts.values() if isinstance(part["body"], bytes)) > PARTS_IN_MEMORY_BYTES:
                parts[int(s3._qp(query, "partNumber"))]["body"] = _in_a_file(body)
        return answer

    return upload


def _copying_ranges(upload_part_copy: Any) -> Any:  # noqa: ANN401 - as above
    def copy(bucket: str, key: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        source, wanted = headers["x-amz-copy-source"].lstrip("/"), headers.get("x-amz-copy-source-range", "")
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
        if not (upload and wanted):
            answer: Answer = upload_part_copy(bucket, key, query, headers)
            return answer
        place, _, version = source.partition("?versionId=")
        source_bucket, _, source_key = unquote(place).partition("/")
        versions = {"versionId": [unquote(version)]} if version else {}
        status, found, body = s3._get_object(source_bucket, source_key, {"range": wanted}, versions)
        if status != HTTPStatus.PARTIAL_CONTENT:
            return status, found, body
        part = {"etag": f'"{hashlib.md5(body).hexdigest()}"', "size": len(body), "last_modified": s3.now_iso()}
        upload["parts"][int(s3._qp(query, "partNumber"))] = {"body": _in_a_file(body), **part}
        result = s3.Element("CopyPartResult", xmlns=s3.S3_NS)
        s3.SubElement(result, "ETag").text = part["etag"]
        s3.SubElement(result, "LastModified").text = part["last_modified"]
        return 200, {"Content-Type": "application/xml"}, s3._xml_body(result)

    return copy


def _in_a_file(body: bytes) -> mmap.mmap:
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
