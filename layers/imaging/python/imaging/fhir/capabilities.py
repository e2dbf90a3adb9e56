"""How a server lets us write, as its CapabilityStatement tells.

References
----------
https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imaging.errors import Rejected, RejectReason
from imaging.fhir.policy import Writes


@dataclass(frozen=True)
class Way:
    """How resources of one type get their place.

    Attributes
    ----------
    writes
        Not `Writes.AUTO`.
    has_conditional_create
        Whether a POST may say that it is void if there is such a resource already.
    """

    writes: Writes
    has_conditional_create: bool = False

    @property
    def is_by_id(self) -> bool:
        """Whether we choose the logical id."""
        return self.writes is Writes.PUT_BY_ID


class Ways:
    """The way of each type.

    Parameters
    ----------
    wanted
        For all types; AUTO takes the first that the server offers.
    statement
        Its CapabilityStatement; None if it was not asked.
    """

    def __init__(self, wanted: Writes, statement: Mapping[str, Any] | None) -> None:
        self._wanted = wanted
        self._types = None if statement is None else _types(statement)

    def of(self, resource_type: str) -> Way:
        """How a resource of this type is written."""
        told = (self._types or {}).get(resource_type, {})
        return Way(self._writes(told), told.get("conditionalCreate") is True)

    def searches(self, resource_type: str, parameter: str) -> bool:
        """Whether the server searches the type by that parameter, as far as it tells."""
        if not self._types:
            return True
        told = self._types.get(resource_type)
        return told is not None and all(
            wanted in names
            for wanted, names in (
                ("search-type", [each.get("code") for each in told.get("interaction", [])]),
                (parameter, [each.get("name") for each in told.get("searchParam", [])]),
            )
            if names
        )

    def _writes(self, told: Mapping[str, Any]) -> Writes:
        if self._wanted is not Writes.AUTO:
            return self._wanted
        if told.get("updateCreate") is True:
            return Writes.PUT_BY_ID
        return Writes.CONDITIONAL_PUT if told.get("conditionalUpdate") is True else Writes.SEARCH_THEN_PUT


def _types(statement: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What the statement says of each type.

    Raises
    ------
    Rejected
        `MALFORMED_REQUEST` if such a server cannot be published to.
    """
    version = str(statement.get("fhirVersion", "4"))
    if not version.startswith("4"):
        raise Rejected(
            RejectReason.MALFORMED_REQUEST,
            f"The FHIR server speaks FHIR {version[:12]}, not R4; set imaging.fhir.base_url to its address for R4.",
        )
    sides = [side for side in statement.get("rest", []) if side.get("mode") == "server"]
    interactions = {interaction.get("code") for side in sides for interaction in side.get("interaction", [])}
    if "transaction" not in interactions:
        raise Rejected(
            RejectReason.MALFORMED_REQUEST,
            "The FHIR server's CapabilityStatement offers no transactions, without which a study could be written by "
            "half; take another server, or set imaging.fhir.writes to put-by-id if it has them and does not say so.",
        )
    return {each["type"]: each for side in sides for each in side.get("resource", []) if "type" in each}
