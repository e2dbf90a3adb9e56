"""A transaction Bundle: all of it is written, or nothing.

References
----------
https://hl7.org/fhir/R4/http.html#transaction
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from imaging.fhir.own_identifier import condition
from imaging.fhir.primitives import Resource

MAX_ENTRIES = 50
"""Servers have limits: Medplum's is 50, HealthLake's was 160 once."""

_ENTRIES = UUID("b1f2a6c0-7a54-4d0e-9d0b-3f6a3a0f7c55")
_GIVEN_BY_THE_SERVER = ("versionId", "lastUpdated")


def transaction(entries: Sequence[Resource]) -> Resource:
    """The Bundle of these entries, in their order."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def put(name: str, resource: Resource, current: Mapping[str, Any] | None) -> Resource:
    """Write a resource under its id, over exactly the version that was read, if the server told one."""
    version = (current or {}).get("meta", {}).get("versionId")
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    if version:
        request["ifMatch"] = f'W/"{version}"'
    return _entry(name, _body(resource), request)


def put_where(name: str, resource: Resource, identifier: Resource) -> Resource:
    """Write a resource over the one that bears `identifier`, or a new one; the server chooses its id."""
    url = f"{resource['resourceType']}?{condition(identifier)}"
    return _entry(name, _body(resource, without="id"), {"method": "PUT", "url": url})


def post(name: str, resource: Resource, unless: Resource | None) -> Resource:
    """Write a new resource, the server chooses its id; void if there is one that bears the identifier `unless`."""
    request = {"method": "POST", "url": resource["resourceType"]}
    if unless:
        request["ifNoneExist"] = condition(unless)
    return _entry(name, _body(resource, without="id"), request)


def delete(resource_type: str, logical_id: str) -> Resource:
    """Delete a resource; one that is gone already is fine."""
    return {"request": {"method": "DELETE", "url": f"{resource_type}/{logical_id}"}}


def full_url(name: str) -> str:
    """How a Bundle's entries refer to the one that writes the resource of that name.

    Servers put the real address in its place wherever they meet it, so it is
    nothing that a resource bears: not its own identifier either.
    """
    return uuid5(_ENTRIES, name).urn


def written_id(resource_type: str, response: Mapping[str, Any]) -> str | None:
    """The logical id in the `location` of an entry's response, relative or not; None if it has none."""
    match = re.search(rf"(?:^|/){resource_type}/([A-Za-z0-9.-]{{1,64}})(?:/_history/|$)", response.get("location", ""))
    return match[1] if match else None


def is_void(entry: Resource, response: Mapping[str, Any]) -> bool:
    """Whether a POST came to nothing because the resource was there: it is answered 200, not 201."""
    return entry["request"]["method"] == "POST" and str(response.get("status", "")).startswith("200")


def _entry(name: str, body: Resource, request: Resource) -> Resource:
    return {"fullUrl": full_url(name), "resource": body, "request": request}


def _body(resource: Resource, without: str = "") -> Resource:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in _GIVEN_BY_THE_SERVER}
    kept = {name: value for name, value in resource.items() if name not in ("meta", without)}
    return kept | ({"meta": meta} if meta else {})
