"""The queue that hears of what is put under ``incoming/``, as those who tell it again know it."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote_plus

from imaging.aws.clients import client, ours_to_retry
from imaging.errors import Unavailable
from imaging.ports.objects import ListedVersion
from imaging.settings import Space, space_named

_AT_ONCE = 10  # SendMessageBatch


class SqsDropQueue:
    """`imaging.ports.outside.DropQueue` on SQS, in S3's words.

    References
    ----------
    Amazon S3 User Guide, *Event message structure*: a key is URL-encoded, a
    blank of it is "+".
    """

    def __init__(self, queue_url: str, spaces: Mapping[str, Space]) -> None:
        self._queue_url = queue_url
        self._spaces = spaces

    def tell(self, space: str, versions: Sequence[ListedVersion]) -> None:
        """Tell of these as S3 did when they were put."""
        bucket = space_named(self._spaces, space).bucket
        for start in range(0, len(versions), _AT_ONCE):
            entries = [
                {"Id": str(place), "MessageBody": json.dumps(_notification(bucket, version))}
                for place, version in enumerate(versions[start : start + _AT_ONCE])
            ]
            with ours_to_retry("telling of drops again"):
                answer = client("sqs").send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if answer.get("Failed"):
                raise Unavailable("SQS did not take every notification of a drop; they are told again.")


def _notification(bucket: str, version: ListedVersion) -> Mapping[str, object]:
    dropped = {"key": quote_plus(version.object_key, safe="/"), "versionId": version.version_id}
    return {"Records": [{"s3": {"bucket": {"name": bucket}, "object": dropped}}]}
