"""Alarms of the DIMSE endpoint: images that do not arrive, callers that are turned away, results that nobody gets."""

from collections.abc import Iterable

from constructs import Construct

from infra.constructs.alarms import Alarms
from infra.constructs.metrics import ours

_NOW_AND_THEN = 20
"""Rejections in five minutes that come from somebody who tries a port, or a setting at a modality."""

REJECTIONS = {
    "called AE title not recognised": "it calls an AE title that no space has; mend the called AE title there",
    "calling AE title not in the registry": "name it in imaging.dimse.peers, if it may",
    "calling AE title comes from another address than the registry has": "mend its entry in imaging.dimse.peers",
    "calling AE title may not speak to this space": "mend its entry in imaging.dimse.peers, or the AE title it calls",
    "too many connections": "somebody opens connections and asks for nothing; the endpoint's log has the address",
}
"""Reasons, as the endpoint counts them, that last until somebody does something; and what that is."""
FULL = "too many associations"


class DimseAlarms(Construct):
    """What a human has to look at; the log of the endpoint has the titles, addresses and UIDs."""

    def __init__(self, scope: Construct, name: str, alarms: Alarms, *, spaces: Iterable[str]) -> None:
        super().__init__(scope, name)

        def add(name: str, metric: str, description: str, *, above: int = 0, **dimensions: str) -> None:
            counted = ours(metric, None, service="dimse", **dimensions)
            alarms.add(self, name, counted, threshold=above, description=description)

        for number, (reason, mend) in enumerate(REJECTIONS.items(), start=1):
            add(
                f"Rejected{number}",
                "AssociationsRejected",
                f"The DIMSE endpoint turns a caller away, again and again ({reason}): {mend}.",
                above=_NOW_AND_THEN,
                reason=reason,
            )
        add(
            "Full",
            "AssociationsRejected",
            "The DIMSE endpoint turns callers away, for it is full: raise max_tasks or max_associations.",
            reason=FULL,
        )
        add("WorkersDied", "WorkersDied", "A process of the DIMSE endpoint died; another has taken its place.")
        for space in spaces:
            add(
                f"Refused-{space}",
                "InstancesRefused",
                f"Instances sent to space {space} by DIMSE were not stored; the endpoint's log says which, and why.",
                space=space,
            )
            add(
                f"CommitmentsDropped-{space}",
                "CommitmentsDropped",
                f"A result of storage commitment in space {space} reached nobody within a day: it must be asked anew.",
                space=space,
            )
