"""The orders that a study was made for, if the record has them."""

from collections.abc import Sequence

from imaging.fhir.own_identifier import bears, token
from imaging.fhir.place import Place
from imaging.fhir.primitives import Resource
from imaging.pipeline.places import Places
from imaging.ports.outside import FhirServer


class FindOrders:
    """The ServiceRequest of each accession number, for ImagingStudy.basedOn."""

    def __init__(self, server: FhirServer, places: Places) -> None:
        self._server = server
        self._places = places

    def __call__(self, accessions: Sequence[Resource], patient: Place) -> list[Resource]:
        """References to the ServiceRequests of this patient that bear the study's accession numbers.

        A number that several bear says nothing; one of another patient's order
        less. A Patient that is not there yet has no orders. Each reference
        names the number too, so that it is known for ours when the study has
        another.
        """
        if patient.current is None or not self._places.ways.has("ServiceRequest"):
            return []
        return [reference for accession in accessions for reference in self._order(accession, patient)]

    def _order(self, accession: Resource, patient: Place) -> list[Resource]:
        found = [
            order
            for order in self._server.search("ServiceRequest", {"identifier": token(accession)})
            if bears(order, accession)
        ]
        if len(found) != 1 or not _is_of(found[0].get("subject", {}), patient):
            return []
        return [{"reference": f"ServiceRequest/{found[0]['id']}", "identifier": accession}]


def _is_of(subject: Resource, patient: Place) -> bool:
    """Whether a subject is the Patient; absolute and versioned references too."""
    reference = str(subject.get("reference", "")).partition("/_history/")[0]
    return f"/{reference}".endswith(f"/{patient.reference['reference']}")
