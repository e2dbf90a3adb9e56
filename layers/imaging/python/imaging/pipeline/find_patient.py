"""The Patient of a study on the server, whoever made it."""

from imaging.errors import Rejected, RejectReason
from imaging.fhir.place import Place
from imaging.fhir.primitives import Resource
from imaging.pipeline.places import Places
from imaging.ports.outside import FhirServer

_MOST_HOPS = 5
_LOCAL = "Patient/"


class FindPatient:
    """By the id that we gave it, else by its identifier.

    A record that was merged into another leads to that one
    (https://hl7.org/fhir/R4/patient.html#links).
    """

    def __init__(self, server: FhirServer, places: Places) -> None:
        self._server = server
        self._places = places

    def __call__(self, ours: Resource) -> Place:
        """The place of the Patient that has the identifier of `ours`.

        Raises
        ------
        Rejected
            `INVALID_IDENTIFIER` if several have it; `NO_SUCH_RESOURCE` if it was merged into none.
        """
        name, identifier = ours["id"], ours["identifier"][0]
        way = self._places.ways.of("Patient")
        current = self._places.read("Patient", name, way)
        if current is not None:
            return Place("Patient", name, way, self._survivor(current), identifier)
        current = self._matching(identifier)
        if current is not None and not way.is_by_id:
            self._places.remember(name, current["id"])
        return Place("Patient", name, way, current, identifier)

    def _matching(self, identifier: Resource) -> Resource | None:
        found = [self._server.read("Patient", logical_id) for logical_id in self._places.search("Patient", identifier)]
        survivors = [self._survivor(dict(patient)) for patient in found if patient is not None]
        by_id = {patient["id"]: patient for patient in survivors}
        active = [patient for patient in by_id.values() if patient.get("active") is not False]
        candidates = active or list(by_id.values())
        if len(candidates) > 1:
            raise Rejected(
                RejectReason.INVALID_IDENTIFIER,
                f"The identifier of the study's patient is that of {len(candidates)} Patients on the FHIR server; "
                "merge them there (Patient.link, replaced-by), then publish the study again.",
            )
        return candidates[0] if candidates else None

    def _survivor(self, patient: Resource) -> Resource:
        for _ in range(_MOST_HOPS):
            successor = _successor(patient)
            if successor is None:
                return patient
            there = self._server.read("Patient", successor)
            if there is None:
                raise Rejected(
                    RejectReason.NO_SUCH_RESOURCE,
                    "The study's Patient on the FHIR server is replaced by one that is not there; "
                    "mend its link, then publish the study again.",
                )
            patient = dict(there)
        raise Rejected(
            RejectReason.INVALID_IDENTIFIER,
            f"The study's Patient on the FHIR server is replaced more than {_MOST_HOPS} times over; "
            "mend the links, then publish the study again.",
        )


def _successor(patient: Resource) -> str | None:
    """The logical id in its first link of type replaced-by; absolute and versioned references too."""
    for link in patient.get("link", []):
        reference = str(link.get("other", {}).get("reference", ""))
        if link.get("type") == "replaced-by" and _LOCAL in reference:
            return reference.rpartition(_LOCAL)[2].partition("/")[0]
    return None
