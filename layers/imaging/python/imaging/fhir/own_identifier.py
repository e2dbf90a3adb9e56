"""The identifier by which a resource of ours is found again where the server chooses its id."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from imaging.fhir.primitives import Resource


def own_identifier(name: str) -> Resource:
    """Of the resource with this deterministic name, a UUID; https://hl7.org/fhir/R4/datatypes.html#Identifier."""
    return {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{name}"}


def with_own_identifier(resource: Resource) -> Resource:
    """A resource that bears its own id, still its name, among its identifiers."""
    return {**resource, "identifier": [*resource.get("identifier", []), own_identifier(resource["id"])]}


def bears(resource: Mapping[str, Any], identifier: Resource) -> bool:
    """Whether the identifier, of any system if it has none, is among the resource's: a server may give others too."""
    system, value = identifier.get("system"), identifier["value"]
    return any(
        each.get("value") == value and system in (None, each.get("system")) for each in resource.get("identifier", [])
    )


def token(identifier: Resource) -> str:
    """An identifier as a search parameter, https://hl7.org/fhir/R4/search.html#token; any system if it has none."""
    system = identifier.get("system")
    return (f"{_escaped(system)}|" if system else "") + _escaped(identifier["value"])


def condition(identifier: Resource) -> str:
    """The same as the query of a conditional request."""
    return f"identifier={quote(token(identifier), safe='')}"


def _escaped(value: str) -> str:
    for character in "\\$,|":  # https://hl7.org/fhir/R4/search.html#escaping
        value = value.replace(character, f"\\{character}")
    return value
