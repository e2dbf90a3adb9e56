"""Finds the places of resources on a server, and writes there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from imaging.errors import Rejected, Unavailable
from imaging.fhir.capabilities import Way, Ways
from imaging.fhir.own_identifier import bears, own_identifier, token
from imaging.fhir.place import Place
from imaging.fhir.policy import Writes
from imaging.fhir.primitives import Resource
from imaging.fhir.transaction import delete, is_void, transaction, written_id
from imaging.ports.outside import FhirServer, TooBusy, VersionConflict
from imaging.ports.publication import KnownResources, PublicationLease


@dataclass(frozen=True)
class Turn:
    """While we are the only publisher of a study."""

    lease: PublicationLease
    until: datetime


@dataclass(frozen=True)
class Writing:
    """What shall be at a place; None: nothing."""

    place: Place
    wanted: Resource | None

    @property
    def entry(self) -> Resource:
        """Its entry of a transaction."""
        if self.wanted is None:
            return delete(self.place.resource_type, (self.place.current or {})["id"])
        return self.place.entry(self.wanted)


class Places:
    """Where we choose the ids, one read tells what is there.

    Where the server does, an id is remembered when it is told: its search may
    lag behind what it has written. Until it is remembered, a claim keeps all
    others, and our own next try, from creating the resource once more.
    """

    def __init__(
        self,
        server: FhirServer,
        known: KnownResources,
        writes: Writes,
        *,
        clock: Callable[[], datetime],
        new_token: Callable[[], str],
    ) -> None:
        self._server = server
        self._known = known
        self._writes = writes
        self._clock = clock
        self._new_token = new_token
        self._ways: Ways | None = None

    @property
    def ways(self) -> Ways:
        """How each type is written; who wants all put by id need not ask."""
        if self._ways is None:
            self._ways = Ways(self._writes, None if self._writes is Writes.PUT_BY_ID else self._server.capabilities())
        return self._ways

    def find(self, resource_type: str, name: str) -> Place:
        """The place of a resource that only we write."""
        way = self.ways.of(resource_type)
        current = self.read(resource_type, name, way)
        if current is None and not way.is_by_id:
            current = self._search(resource_type, name)
        return Place(resource_type, name, way, current)

    def read(self, resource_type: str, name: str, way: Way) -> Resource | None:
        """The resource under the id that we gave it, or know of."""
        logical_id = name if way.is_by_id else self._known.find(name)
        if logical_id is None:
            return None
        current = self._server.read(resource_type, logical_id)
        if current is None and not way.is_by_id:
            self._known.forget(name, logical_id)
        return None if current is None else dict(current)

    def reference(self, place: Place) -> Resource:
        """How others refer to what was written there."""
        if not place.id_is_unknown:
            return place.reference
        logical_id = self._known.find(place.name)
        if logical_id is None:
            raise Unavailable(f"The FHIR server has not said which id it gave the study's {place.resource_type}.")
        return {"reference": f"{place.resource_type}/{logical_id}"}

    def search(self, resource_type: str, identifier: Resource) -> list[Resource]:
        """What bore an identifier not long ago, by logical id; some may be deleted by now, and some not found yet."""
        matches = self._server.search(resource_type, {"identifier": token(identifier)})
        bearing = (dict(match) for match in matches if bears(match, identifier))
        return sorted(bearing, key=lambda match: str(match["id"]))

    def forget(self, name: str, logical_id: str) -> None:
        """What the server gave that id is not the resource of that name any more."""
        self._known.forget(name, logical_id)

    def write(self, writings: Sequence[Writing], turn: Turn) -> bool:
        """Write all of it in one transaction, whatever is referred to before what refers to it.

        Returns
        -------
        bool
            False if a resource that should have been created is there, or is being created: look again.
        """
        if not writings:
            return True
        entries = [writing.entry for writing in writings]
        shared = [writing.place for writing in writings if _is_new_to_many(writing)]
        if not self._are_ours_to_create(shared, turn):
            return False
        try:
            return self._commit(writings, entries, turn)
        finally:
            self._give_back(shared, turn)

    def _commit(self, writings: Sequence[Writing], entries: Sequence[Resource], turn: Turn) -> bool:
        created = [writing.place for writing in writings if writing.place.id_is_unknown]
        self._claim(created, turn)
        if self._clock() >= turn.until:
            raise Unavailable("The study could not be published in the time there was; it is tried again.")
        try:
            responses = self._server.transact(transaction(entries), self._new_token())
        except (Rejected, VersionConflict, TooBusy):
            self._give_back(created, turn)  # nothing was written
            raise
        are_void = [is_void(entry, response) for entry, response in zip(entries, responses, strict=False)]
        for writing, response, was_there in zip(writings, responses, are_void, strict=False):
            if was_there and writing.place.natural_identifier:
                self._give_back([writing.place], turn)  # it is another's: found by its identifier, not remembered
            else:
                self._keep_in_mind(writing, written_id(writing.place.resource_type, response))
        return not any(are_void)

    def _search(self, resource_type: str, name: str) -> Resource | None:
        for match in self.search(resource_type, own_identifier(name)):
            current = self._server.read(resource_type, match["id"])
            if current is not None and bears(current, own_identifier(name)):
                self._known.remember(name, match["id"])
                return dict(current)
        return None

    def _are_ours_to_create(self, places: Sequence[Place], turn: Turn) -> bool:
        """Whether nobody else is at it, and nobody has done it since we looked.

        A PUT under an id of ours cannot say that nothing must be there: two
        that create what many studies share would write over each other, and
        over who wrote in between.
        """
        claimed: list[Place] = []
        are_ours = False
        try:
            are_ours = all(self._is_ours_to_create(place, turn, claimed) for place in sorted(places, key=_order))
        finally:
            if not are_ours:
                self._give_back(claimed, turn)
        return are_ours

    def _is_ours_to_create(self, place: Place, turn: Turn, claimed: list[Place]) -> bool:
        if not self._known.claim(place.name, turn.lease.token, now=self._clock(), until=turn.until):
            return False
        claimed.append(place)
        return self._server.read(place.resource_type, place.name) is None

    def _claim(self, places: Sequence[Place], turn: Turn) -> None:
        """Those that studies share come first, so that who waits for one keeps nobody from another."""
        claimed: list[Place] = []
        for place in sorted(places, key=_order):
            if not self._known.claim(place.name, turn.lease.token, now=self._clock(), until=turn.until):
                self._give_back(claimed, turn)
                raise Unavailable(
                    f"Another process creates the study's {place.resource_type}, or the FHIR server has not "
                    "confirmed yet that it was created; it is tried again."
                )
            claimed.append(place)

    def _give_back(self, places: Sequence[Place], turn: Turn) -> None:
        for place in places:
            self._known.give_back(place.name, turn.lease.token)

    def _keep_in_mind(self, writing: Writing, logical_id: str | None) -> None:
        if writing.place.way.is_by_id:
            return
        if writing.wanted is None:
            self._known.forget(writing.place.name, (writing.place.current or {})["id"])
        elif writing.place.id_is_unknown and logical_id:
            self._known.remember(writing.place.name, logical_id)


_SHARED = {"Endpoint": 0, "Patient": 1}


def _order(place: Place) -> int:
    return _SHARED.get(place.resource_type, len(_SHARED))


def _is_new_to_many(writing: Writing) -> bool:
    place = writing.place
    return place.way.is_by_id and place.current is None and place.resource_type in _SHARED
