"""What is on the server, what should be there, and whether the two say the same."""

import re
from collections.abc import Collection, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from imaging.fhir.primitives import Resource

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2})\Z")
_SERVERS_OWN = frozenset({"id", "meta", "extension"})


def renewed(current: Resource | None, ours: Resource, elements: Collection[str]) -> Resource:
    """`current` with our elements as they are now; what else stands there is others' and is kept.

    Parameters
    ----------
    elements
        The names of all elements that the mapping can give: one that it does
        not give any more goes.
    """
    if current is None:
        return ours
    kept = {name: deepcopy(value) for name, value in current.items() if name not in elements}
    return {**kept, **ours, "meta": {**current.get("meta", {}), **ours.get("meta", {})}}


def differs(current: Resource, wanted: Resource) -> bool:
    """Whether writing `wanted` over `current` would change anything but version and time."""
    return _moved(current, wanted) or _essence(current) != _essence(wanted)


def _moved(current: Resource, wanted: Resource) -> bool:
    """Whether the resource names another source than wanted.

    Some servers keep no `meta.source`, and HAPI appends the id of the request
    as a fragment.
    """
    source = current.get("meta", {}).get("source", "").partition("#")[0]
    return source not in ("", wanted.get("meta", {}).get("source", "").partition("#")[0])


def _essence(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A resource without what a server adds by itself, instants in UTC."""
    if isinstance(value, Mapping):
        return {name: _essence(each) for name, each in value.items() if name not in _SERVERS_OWN and name[0] != "_"}
    if isinstance(value, list):
        return [_essence(each) for each in value]
    if isinstance(value, str) and _INSTANT.match(value):
        return _instant(value)
    return value


def _instant(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
