"""A transaction Bundle: all of it is written, or nothing.

References
----------
https://hl7.org/fhir/R4/http.html#transaction
"""

from collections.abc import Mapping, Sequence
from typing import Any

from imaging.fhir.primitives import Resource

_GIVEN_BY_THE_SERVER = ("versionId", "lastUpdated")


def transaction(entries: Sequence[Resource]) -> Resource:
    """The Bundle of these entries, in their order."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def put(resource: Resource, current: Mapping[str, Any] | None) -> Resource:
    """Write a resource under its id, over exactly the version that was read, if the server told one."""
    version = (current or {}).get("meta", {}).get("versionId")
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in _GIVEN_BY_THE_SERVER}
    body = {name: value for name, value in resource.items() if name != "meta"} | ({"meta": meta} if meta else {})
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    if version:
        request["ifMatch"] = f'W/"{version}"'
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": body, "request": request}


def delete(resource_type: str, logical_id: str) -> Resource:
    """Delete a resource; one that is gone already is fine."""
    return {"request": {"method": "DELETE", "url": f"{resource_type}/{logical_id}"}}
