"""Where what is not an instance is set aside."""

import hashlib

QUARANTINE = "quarantine/"

_LONGEST_KEY_BYTES = 1024  # of S3
_DIGEST_CHARACTERS = 16


def quarantine_key(object_key: str) -> str:
    """The key of what lay under `object_key`; one that would be too long for S3 is cut and ends with its digest."""
    key = QUARANTINE + object_key
    content = key.encode()
    if len(content) <= _LONGEST_KEY_BYTES:
        return key
    ending = "-" + hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]
    return content[: _LONGEST_KEY_BYTES - len(ending)].decode(errors="ignore") + ending
