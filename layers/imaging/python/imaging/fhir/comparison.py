"""What is on the server, what should be there, and whether the two say the same."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from imaging.fhir.primitives import Resource

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2})\Z")
_SERVERS_OWN = frozenset({"id", "meta"})


def differs(current: Resource, wanted: Resource) -> bool:
    """Whether writing `wanted` over `current` would change anything but version and time."""
    return _moved(current, wanted) or not says(current, wanted)


def says(current: Any, wanted: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether `current` is `wanted`, but for what a server adds by itself: ids, meta, extensions; instants in UTC."""
    if isinstance(current, Mapping) and isinstance(wanted, Mapping):
        names = {name for name in (*current, *wanted) if not _is_addable(name)}
        return (
            all(name in current and name in wanted and says(current[name], wanted[name]) for name in names)
            and all(_has_extension(current, extension) for extension in wanted.get("extension", []))
            and all(says(current.get(name), value) for name, value in wanted.items() if name.startswith("_"))
        )
    if isinstance(current, list) and isinstance(wanted, list):
        return len(current) == len(wanted) and all(map(says, current, wanted))
    return bool(_moment(current) == _moment(wanted))


def _is_addable(name: str) -> bool:
    return name in _SERVERS_OWN or name == "extension" or name.startswith("_")


def _has_extension(current: Mapping[str, Any], extension: Resource) -> bool:
    return any(says(each, extension) for each in current.get("extension", []))


def _moved(current: Resource, wanted: Resource) -> bool:
    """Whether the resource names another source than wanted.

    Some servers keep no `meta.source`, and HAPI appends the id of the request
    as a fragment.
    """
    source = current.get("meta", {}).get("source", "").partition("#")[0]
    return source not in ("", wanted.get("meta", {}).get("source", "").partition("#")[0])


def _moment(value: Any) -> Any:  # noqa: ANN401 - JSON
    """An instant in UTC; anything else as it is."""
    if isinstance(value, str) and _INSTANT.match(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            return value
    return value
