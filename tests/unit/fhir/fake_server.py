"""A FHIR server in memory, as strict about versions as a real one."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from imaging.errors import Unavailable


class FakeFhirServer:
    """An `imaging.ports.outside.FhirServer`; `versions` holds every one ever written, None where it was deleted.

    Attributes
    ----------
    before_transaction, after_transaction
        Called once each, then forgotten: what happens in between.
    """

    def __init__(self) -> None:
        self.versions: dict[str, list[dict[str, Any] | None]] = {}
        self.transactions: list[Mapping[str, Any]] = []
        self.before_transaction: Callable[[], None] | None = None
        self.after_transaction: Callable[[], None] | None = None

    def read(self, resource_type: str, logical_id: str) -> Mapping[str, Any] | None:
        return deepcopy(self.current(f"{resource_type}/{logical_id}"))

    def current(self, url: str) -> dict[str, Any] | None:
        return self.versions.get(url, [None])[-1]

    def only(self, resource_type: str) -> dict[str, Any]:
        (found,) = (
            versions[-1]
            for url, versions in self.versions.items()
            if url.startswith(f"{resource_type}/") and versions[-1]
        )
        return found

    def write(self, resource: Mapping[str, Any]) -> None:
        """Write as somebody else does."""
        versions = self.versions.setdefault(f"{resource['resourceType']}/{resource['id']}", [])
        meta = {**resource.get("meta", {}), "versionId": str(len(versions) + 1), "lastUpdated": "2026-11-21T20:55:01Z"}
        versions.append({**deepcopy(dict(resource)), "meta": meta})

    def transact(self, bundle: Mapping[str, Any]) -> None:
        self._call_once("before_transaction")
        for entry in bundle["entry"]:
            current = self.current(entry["request"]["url"])
            expected = entry["request"].get("ifMatch")
            if expected and (current is None or expected != f'W/"{current["meta"]["versionId"]}"'):
                raise Unavailable("The FHIR server answered 412; it is tried again.")
        for entry in bundle["entry"]:
            if entry["request"]["method"] == "DELETE":
                self.versions[entry["request"]["url"]].append(None)
            else:
                self.write(entry["resource"])
        self.transactions.append(bundle)
        self._call_once("after_transaction")

    def _call_once(self, name: str) -> None:
        happening = getattr(self, name)
        setattr(self, name, None)
        if happening:
            happening()
