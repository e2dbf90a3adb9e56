"""Where a resource of ours is on a server, or will be."""

from dataclasses import dataclass

from imaging.fhir.capabilities import Way
from imaging.fhir.own_identifier import own_identifier, with_own_identifier
from imaging.fhir.policy import Writes
from imaging.fhir.primitives import Resource
from imaging.fhir.transaction import full_url, post, put, put_where


@dataclass(frozen=True)
class Place:
    """The place of one resource.

    Attributes
    ----------
    name
        Its deterministic id, which is its logical id where we may choose it.
    current
        What is there now.
    natural_identifier
        By which it is found, and by which others know it too; None if it is known by our own alone.
    """

    resource_type: str
    name: str
    way: Way
    current: Resource | None
    natural_identifier: Resource | None = None

    @property
    def identifier(self) -> Resource:
        """By which it is searched."""
        return self.natural_identifier or own_identifier(self.name)

    @property
    def reference(self) -> Resource:
        """How others refer to it, within the Bundle that creates it too."""
        if self.current is not None:
            return {"reference": f"{self.resource_type}/{self.current['id']}"}
        return {"reference": f"{self.resource_type}/{self.name}" if self.way.is_by_id else full_url(self.name)}

    @property
    def id_is_unknown(self) -> bool:
        """Whether the server will choose an id when it is written."""
        return self.current is None and not self.way.is_by_id

    def dressed(self, ours: Resource) -> Resource:
        """`ours` with all by which it is found again."""
        return ours if self.way.is_by_id or self.natural_identifier else with_own_identifier(ours)

    def entry(self, wanted: Resource) -> Resource:
        """The entry of a transaction that writes it.

        What others may write too is never put under a condition: one that was
        not found yet would be overwritten unread.
        """
        if not self.id_is_unknown:
            return put(self.name, wanted, self.current)
        if self.way.writes is Writes.CONDITIONAL_PUT and not self.natural_identifier:
            return put_where(self.name, wanted, self.identifier)
        return post(self.name, wanted, self.identifier if self.way.has_conditional_create else None)
