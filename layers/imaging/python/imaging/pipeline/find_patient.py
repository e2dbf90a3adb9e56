"""The Patient of a study on the server, whoever made it."""

import re
from dataclasses import replace

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir.own_identifier import bears
from imaging.fhir.patient_identifier import identifies
from imaging.fhir.place import Place
from imaging.fhir.primitives import Resource
from imaging.pipeline.places import Places
from imaging.ports.outside import FhirServer

_MOST_HOPS = 5
_ON_THIS_SERVER = re.compile(r"Patient/([A-Za-z0-9.-]{1,64})(?:/_history/.*)?")


class FindPatient:
    """By the id of the one that we made, else by its identifier, unless that is a secondary or an old one.

    Whoever registers patients may give an identifier to another Patient at any
    time: one is taken only if it has it when it is read, and the id of one that
    others made is not kept. A record that was merged into another leads to that
    one (https://hl7.org/fhir/R4/patient.html#links).
    """

    def __init__(self, server: FhirServer, places: Places) -> None:
        self._server = server
        self._places = places

    def __call__(self, ours: Resource) -> Place:
        """The place of the Patient that has the identifier of `ours`.

        Raises
        ------
        Rejected
            `INVALID_IDENTIFIER` if several have it, or none but one of ours had it; `NO_SUCH_RESOURCE`
            if it was merged into none, or into one that may be another server's.
        Unavailable
            If the server's search does not know yet who has it now.
        """
        name, identifier = ours["id"], ours["identifier"][0]
        way = self._places.ways.of("Patient")
        ours_there = self._places.read("Patient", name, way)
        if ours_there is not None and identifies(identifier, ours_there):
            return Place("Patient", name, way, self._survivor(ours_there), identifier)
        if ours_there is not None and not way.is_by_id:
            self._places.forget(name, ours_there["id"])
        found = self._bearing(identifier)
        current = self._matching([patient for patient in found if identifies(identifier, patient)])
        if current is None and ours_there is not None and way.is_by_id:
            raise Rejected(
                RejectReason.INVALID_IDENTIFIER,
                "The Patient that was made for the study's patient has lost its identifier on the FHIR server, and no "
                "other has it; give it to the right one there, then publish the study again.",
            )
        if current is None and found:
            way = replace(way, has_conditional_create=False)  # its search would find those that are another
        return Place("Patient", name, way, current, identifier)

    def _bearing(self, identifier: Resource) -> list[Resource]:
        matches = self._places.search("Patient", identifier)
        there = [self._server.read("Patient", match["id"]) for match in matches]
        found = [dict(patient) for patient in there if patient is not None and bears(patient, identifier)]
        had_it = any(identifies(identifier, match) for match in matches)
        if had_it and not any(identifies(identifier, patient) for patient in found):
            raise Unavailable(
                "The FHIR server's search still gives a Patient that has the identifier of the study's patient no "
                "more; who has it now is asked again later."
            )
        return found

    def _matching(self, found: list[Resource]) -> Resource | None:
        survivors = [self._survivor(patient) for patient in found]
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
    """The logical id in its first link of type replaced-by; versioned references too.

    An absolute address is not followed: another server's Patient of that id is
    another patient, and which addresses are its own only the server knows.

    Raises
    ------
    Rejected
        `NO_SUCH_RESOURCE` if the link is not to a Patient of the same server.
    """
    for link in patient.get("link", []):
        if link.get("type") != "replaced-by":
            continue
        successor = _ON_THIS_SERVER.fullmatch(str(link.get("other", {}).get("reference", "")))
        if successor is None:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE,
                "The study's Patient on the FHIR server is replaced by one that may be another server's; make its link "
                "a relative reference, Patient/ and the id, then publish the study again.",
            )
        return successor[1]
    return None
