"""The orders that a study was made for, if the record has them."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from imaging.errors import Rejected
from imaging.fhir.issuer import is_local
from imaging.fhir.own_identifier import bears, token
from imaging.fhir.place import Place
from imaging.fhir.primitives import Resource
from imaging.model.links import Links
from imaging.pipeline.places import Places
from imaging.ports.outside import FhirServer, NotAllowed
from imaging.settings import Space

_LOG = logging.getLogger(__name__)
_MOST_SEARCHES = 8  # one for each number; studies have one, few have three


class FindOrders:
    """The ServiceRequests of each accession number, for ImagingStudy.basedOn."""

    def __init__(self, server: FhirServer, places: Places, links: Links) -> None:
        self._server = server
        self._places = places
        self._links = links

    def __call__(self, accessions: Sequence[Resource], patient: Place, space: Space) -> list[Resource]:
        """References to the ServiceRequests of this patient that bear the study's accession numbers, each once.

        Several may bear one number, one for each procedure that was asked
        for; one of another patient is never the study's. A Patient that is
        not there yet has no orders. Each reference names the number too, so
        that it is known for ours when the study has another.

        No study stays out of the record for want of an order: on a server
        that does not let them be searched it has none.
        """
        if patient.current is None or not self._places.ways.searches("ServiceRequest", "identifier"):
            return []
        try:
            found = {
                order: {"reference": f"ServiceRequest/{order}", "identifier": accession}
                for accession in reversed(accessions[:_MOST_SEARCHES])
                for order in self._orders(accession, patient, space)
            }
        except (Rejected, NotAllowed) as refusal:
            _LOG.warning("ServiceRequests cannot be searched, so the study is linked to none: %s", refusal)
            return []
        return [found[order] for order in sorted(found)]

    def _orders(self, accession: Resource, patient: Place, space: Space) -> list[str]:
        """By the number and who issued it; by the number alone where only we have a name for the issuer."""
        wanted = accession
        if "system" in accession and is_local(accession["system"], space, self._links):
            wanted = {"value": accession["value"]}
        return [
            order["id"]
            for order in self._server.search("ServiceRequest", {"identifier": token(wanted)})
            if bears(order, wanted) and order.get("status") != "entered-in-error" and _is_of(order, patient)
        ]


def _is_of(order: Mapping[str, Any], patient: Place) -> bool:
    """Whether its subject is the Patient; versioned references too, absolute ones may be to another server's."""
    reference = str(order.get("subject", {}).get("reference", "")).partition("/_history/")[0]
    return bool(reference == patient.reference["reference"])
