"""A FHIR server in memory, as strict as a real one: about versions, ids, references and their order."""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from imaging.errors import Rejected, RejectReason
from imaging.ports.outside import VersionConflict

Stored = dict[str, Any]

TYPES = ("Patient", "Endpoint", "ImagingStudy", "ServiceRequest", "DocumentReference", "Observation")


@dataclass(frozen=True)
class Abilities:
    """What the server can, and says that it can."""

    update_create: bool = True
    conditional_update: bool = False
    conditional_create: bool = False
    versions: bool = True

    @property
    def statement(self) -> Stored:
        told = {
            "updateCreate": self.update_create,
            "conditionalUpdate": self.conditional_update,
            "conditionalCreate": self.conditional_create,
        }
        resources = [{"type": each, **told} for each in TYPES]
        interaction = [{"code": "transaction"}]
        rest = [{"mode": "server", "resource": resources, "interaction": interaction}]
        return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest}


BY_ID = Abilities()
UNVERSIONED = Abilities(versions=False)
CONDITIONAL_PUT = Abilities(update_create=False, conditional_update=True, conditional_create=True)
CONDITIONAL_CREATE = Abilities(update_create=False, conditional_create=True)
POST_ONLY = Abilities(update_create=False)
EVERY_SERVER = {
    "put by id": BY_ID,
    "no versions": UNVERSIONED,
    "conditional put": CONDITIONAL_PUT,
    "conditional create": CONDITIONAL_CREATE,
    "post only": POST_ONLY,
}


class FakeFhirServer:
    """An `imaging.ports.outside.FhirServer`; `versions` holds every one ever written, None where it was deleted.

    Attributes
    ----------
    before_transaction, after_transaction
        Called once each, then forgotten: what happens in between.
    lags
        While it is True, its search knows nothing of what is written.
    calls
        What it was asked, as ``read Patient``.
    """

    def __init__(self, abilities: Abilities = BY_ID) -> None:
        self.abilities = abilities
        self.versions: dict[str, list[Stored | None]] = {}
        self.transactions: list[Mapping[str, Any]] = []
        self.before_transaction: Callable[[], None] | None = None
        self.after_transaction: Callable[[], None] | None = None
        self.lags = False
        self.calls: list[str] = []
        self._indexed: dict[str, Stored] = {}
        self._numbers = count(1)

    def capabilities(self) -> Mapping[str, Any]:
        return self.abilities.statement

    def read(self, resource_type: str, logical_id: str) -> Mapping[str, Any] | None:
        self.calls.append(f"read {resource_type}")
        return deepcopy(self.current(f"{resource_type}/{logical_id}"))

    def search(self, resource_type: str, criteria: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        self.calls.append(f"search {resource_type}")
        self._index()
        return deepcopy(self._matching(self._indexed, resource_type, criteria["identifier"]))

    def transact(self, bundle: Mapping[str, Any], repeat_key: str = "") -> Sequence[Mapping[str, Any]]:
        self.calls.append("transact")
        self._call_once("before_transaction")
        assert len(bundle["entry"]) <= 100
        self._index()
        before = {url: list(versions) for url, versions in self.versions.items()}
        created: dict[str, str] = {}
        try:
            responses = [self._carry_out(entry, created) for entry in bundle["entry"]]
        except Exception:
            self.versions = before
            raise
        self.transactions.append(bundle)
        self._call_once("after_transaction")
        return responses

    def current(self, url: str) -> Stored | None:
        return self.versions.get(url, [None])[-1]

    def all(self, resource_type: str) -> list[Stored]:
        return [versions[-1] for url, versions in self.versions.items() if versions[-1] and _type(url) == resource_type]

    def only(self, resource_type: str) -> Stored:
        (found,) = self.all(resource_type)
        return found

    def write(self, resource: Mapping[str, Any]) -> None:
        """Write as somebody else does."""
        versions = self.versions.setdefault(f"{resource['resourceType']}/{resource['id']}", [])
        meta = {**resource.get("meta", {}), "lastUpdated": "2026-11-21T20:55:01Z"}
        if self.abilities.versions:
            meta["versionId"] = str(len(versions) + 1)
        versions.append({**deepcopy(dict(resource)), "meta": meta})

    def delete(self, url: str) -> None:
        """Delete as somebody else does."""
        self.versions[url].append(None)

    def catch_up(self) -> None:
        """Let the search know what has been written so far."""
        self._indexed = {url: versions[-1] for url, versions in self.versions.items() if versions[-1]}

    def _carry_out(self, entry: Mapping[str, Any], created: dict[str, str]) -> Stored:
        method, url = entry["request"]["method"], entry["request"]["url"]
        if method == "DELETE":
            return self._delete(url)
        place, is_there = self._post(entry["request"]) if method == "POST" else self._put(url, entry["request"])
        created[entry["fullUrl"]] = place
        resource = _resolved(entry["resource"], created)
        logical_id = place.partition("/")[2]
        if not (is_there and method == "POST"):
            assert resource.get("id", logical_id) == logical_id
            self._check_references(resource)
            self.write({**resource, "id": logical_id})
        status = "200 OK" if is_there else "201 Created"
        return {"status": status, "location": f"{place}/_history/{len(self.versions[place])}"}

    def _put(self, url: str, request: Mapping[str, Any]) -> tuple[str, bool]:
        resource_type, is_conditional, query = url.partition("?")
        if is_conditional:
            _refuse_unless(self.abilities.conditional_update)
            return self._one_or_new(resource_type, query)
        there = self.current(url)
        if "ifMatch" in request:
            _refuse_unless(self.abilities.versions)
            if there is None or request["ifMatch"] != f'W/"{there["meta"]["versionId"]}"':
                raise VersionConflict("The FHIR server answered 412; it is tried again.")
        elif there is None:
            _refuse_unless(self.abilities.update_create)
        return url, there is not None

    def _post(self, request: Mapping[str, Any]) -> tuple[str, bool]:
        if "ifNoneExist" in request:
            _refuse_unless(self.abilities.conditional_create)
            return self._one_or_new(request["url"], request["ifNoneExist"])
        return f"{request['url']}/s{next(self._numbers)}", False

    def _one_or_new(self, resource_type: str, query: str) -> tuple[str, bool]:
        """By its search, as servers do."""
        matches = self._matching(self._indexed, resource_type, parse_qs(query, strict_parsing=True)["identifier"][0])
        urls = [f"{resource_type}/{match['id']}" for match in matches]
        there = [url for url in urls if self.current(url)]
        if len(there) > 1:
            raise VersionConflict("The FHIR server answered 412; it is tried again.")
        return (there[0], True) if there else (f"{resource_type}/s{next(self._numbers)}", False)

    def _delete(self, url: str) -> Stored:
        if self.current(url):
            referring = [each for versions in self.versions.values() if (each := versions[-1]) and _refers(each, url)]
            if referring:
                raise VersionConflict("The FHIR server answered 409; it is tried again.")
            self.versions[url].append(None)
        return {"status": "204 No Content"}

    def _check_references(self, resource: Stored) -> None:
        for reference in _references(resource):
            _refuse_unless(self.current(reference) is not None)

    def _index(self) -> None:
        if not self.lags:
            self.catch_up()

    def _matching(self, resources: Mapping[str, Stored], resource_type: str, token: str) -> list[Stored]:
        *system, value = (re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\)\|", token))
        return [
            resource
            for url, resource in resources.items()
            if _type(url) == resource_type
            and any(
                each.get("value") == value and (not system or each.get("system") == system[0])
                for each in resource.get("identifier", [])
            )
        ]

    def _call_once(self, name: str) -> None:
        happening = getattr(self, name)
        setattr(self, name, None)
        if happening:
            happening()


def _type(url: str) -> str:
    return url.partition("/")[0]


def _refuse_unless(condition: bool) -> None:
    if not condition:
        raise Rejected(RejectReason.MALFORMED_REQUEST, "The FHIR server answered 400.")


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [each for inner in value.values() for each in _references(inner)]
    return [each for inner in value for each in _references(inner)] if isinstance(value, list) else []


def _refers(resource: Stored, url: str) -> bool:
    return url in _references(resource)


def _resolved(value: Any, created: Mapping[str, str]) -> Any:
    """The places of entries that came before, wherever their `fullUrl` stands: some servers look no closer."""
    if isinstance(value, dict):
        return {name: _resolved(each, created) for name, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, created) for each in value]
    return created.get(value, value) if isinstance(value, str) else value
