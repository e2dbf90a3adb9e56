"""What a cloud assembly refers to, put where CloudFormation looks for it.

The names of assets are digests of their content: what is there already is not
put again.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from infra.local.embedded_aws.clients import client

EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)
QUICK_COMPRESSION = 1


@dataclass(frozen=True)
class Asset:
    """A file, or a folder to be zipped, and the object it becomes."""

    source: Path
    is_folder: bool
    bucket: str
    object_key: str


def assets_of(assembly: Path, stack_name: str) -> Iterator[Asset]:
    """The files and folders that a stack refers to, its template among them.

    Images are left out: no container runs here.
    """
    listed = json.loads((assembly / f"{stack_name}.assets.json").read_text())["files"]
    for entry in listed.values():
        for destination in entry["destinations"].values():
            yield Asset(
                source=assembly / entry["source"]["path"],
                is_folder=entry["source"]["packaging"] == "zip",
                bucket=destination["bucketName"],
                object_key=destination["objectKey"],
            )


def publish(asset: Asset, endpoint_url: str) -> bool:
    """Put an asset into its bucket; False if it was there already."""
    s3 = client("s3", endpoint_url)
    try:
        s3.head_object(Bucket=asset.bucket, Key=asset.object_key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
    else:
        return False
    s3.create_bucket(Bucket=asset.bucket)  # in us-east-1, making one's own bucket again is a success
    body = zipped(asset.source) if asset.is_folder else asset.source.read_bytes()
    s3.put_object(Bucket=asset.bucket, Key=asset.object_key, Body=body)
    return True


def zipped(folder: Path) -> bytes:
    """A folder as a zip file, the same for the same content."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICK_COMPRESSION) as entries:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH_OF_ZIP)
            entry.external_attr = (file.stat().st_mode & 0o777) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entries.writestr(entry, file.read_bytes())
    return archive.getvalue()
