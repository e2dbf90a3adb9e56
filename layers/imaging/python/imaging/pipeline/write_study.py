"""Bring the Patient, Endpoints and ImagingStudy of a revision up to date, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir import endpoint, imaging_study, patient
from imaging.fhir.comparison import differs
from imaging.fhir.findings import Findings
from imaging.fhir.identity import imaging_study_id
from imaging.fhir.mapped_attributes import MAPPED
from imaging.fhir.merging import cancelled, renewed
from imaging.fhir.place import Place
from imaging.fhir.policy import OnDelete, PatientTreatment, PublishingPolicy
from imaging.fhir.primitives import Resource
from imaging.fhir.study_identifiers import accession_identifiers
from imaging.fhir.validation import checked
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.model.revision import Revision
from imaging.pipeline.find_orders import FindOrders
from imaging.pipeline.find_patient import FindPatient
from imaging.pipeline.places import Places, Turn, Writing
from imaging.ports.outside import FhirServer, VersionConflict
from imaging.settings import Space, space_named

_ROUNDS = 3


@dataclass(frozen=True)
class Written:
    """What a study has become.

    Attributes
    ----------
    left_out
        Keywords of attributes that could not be mapped.
    """

    left_out: tuple[str, ...]
    study: Place
    subject: Place


class WriteStudy:
    """Reads what is there, merges, and writes what differs: nothing, if nothing does.

    Whoever else writes between the two is not overwritten: the server refuses
    the version that was read, and we look again.
    """

    def __init__(
        self,
        server: FhirServer,
        places: Places,
        *,
        links: Links,
        spaces: Mapping[str, Space],
        policy: PublishingPolicy,
    ) -> None:
        self._places = places
        self._find_patient = FindPatient(server, places)
        self._find_orders = FindOrders(server, places)
        self._links = links
        self._spaces = spaces
        self._policy = policy

    def __call__(self, revision: Revision, turn: Turn) -> Written:
        """Publish a revision that has instances.

        Raises
        ------
        Rejected
            If it cannot be published, or the server refuses it: nothing is written.
        Unavailable
            If the server does not answer, or others write faster.
        """
        for _ in range(_ROUNDS):
            written, writings = self._compared(revision)
            if self._is_written(writings, turn):
                return written
        raise Unavailable(f"Others wrote to the study's resources {_ROUNDS} times between reading and writing.")

    def remove(self, study: StudyKey, turn: Turn) -> None:
        """Remove or cancel the ImagingStudy of a study that has no instances any more, if we made one.

        Raises
        ------
        Unavailable
            If the server does not answer, or keeps it because another resource refers to it.
        """
        for _ in range(_ROUNDS):
            place = self._places.find("ImagingStudy", imaging_study_id(study))
            if self._is_written(self._removal(place), turn):
                return
        raise Unavailable(
            "The FHIR server does not let go of the ImagingStudy of the deleted study: others write to it, or refer to "
            "it; imaging.fhir.on_delete cancel keeps it, as cancelled."
        )

    def _is_written(self, writings: list[Writing], turn: Turn) -> bool:
        try:
            return self._places.write(writings, turn)
        except VersionConflict:
            return False

    def _removal(self, place: Place) -> list[Writing]:
        if place.current is None:
            return []
        if self._policy.on_delete is OnDelete.REMOVE:
            return [Writing(place, None)]
        wanted = cancelled(place.current)
        return [Writing(place, wanted)] if differs(place.current, wanted) else []

    def _compared(self, revision: Revision) -> tuple[Written, list[Writing]]:
        """What differs, every resource after those it refers to: HealthLake writes in this order."""
        findings, space = Findings(MAPPED.intersection(revision.unreadable)), revision.study.space
        person = patient.patient(revision.attributes, space_named(self._spaces, space), self._links, findings)
        subject = self._find_patient(person)
        endpoints = [
            (self._places.find("Endpoint", ours["id"]), ours)
            for ours in endpoint.endpoints(space, self._links, self._policy)
        ]
        study = self._places.find("ImagingStudy", imaging_study_id(revision.study))
        ours = self._mapped(revision, subject, [place.reference for place, _ in endpoints], findings)
        if self._policy.enforce_validation and findings.keywords:
            raise Rejected(
                RejectReason.NOT_ACCEPTABLE,
                f"{', '.join(findings.keywords)} cannot be mapped to FHIR, which imaging.fhir.enforce_validation "
                "forbids; correct the attributes and store the study again.",
            )
        writings = [
            *self._patient(subject, person),
            *(writing for place, each in endpoints for writing in _renewal(place, each, endpoint.ELEMENTS)),
            *_renewal(study, ours, imaging_study.ELEMENTS),
        ]
        return Written(findings.keywords, study, subject), writings

    def _mapped(self, revision: Revision, subject: Place, endpoints: list[Resource], findings: Findings) -> Resource:
        accessions = accession_identifiers(revision, self._links, findings)
        return imaging_study.imaging_study(
            revision,
            subject=subject.reference,
            endpoints=endpoints,
            based_on=self._find_orders(accessions, subject),
            links=self._links,
            policy=self._policy,
            findings=findings,
        )

    def _patient(self, place: Place, ours: Resource) -> list[Writing]:
        """The Patient as imaging.fhir.patient has it treated."""
        if place.current is None:
            if self._policy.patient is PatientTreatment.REFERENCE_ONLY:
                raise Rejected(
                    RejectReason.NO_SUCH_RESOURCE,
                    "No Patient on the FHIR server has the identifier of the study's patient, and imaging.fhir.patient "
                    "is reference-only; register the patient there, then publish the study again.",
                )
            return [Writing(place, checked(ours))]
        if self._policy.patient is not PatientTreatment.SYNC:
            return []
        wanted = patient.synchronised(place.current, checked(ours))
        return [Writing(place, wanted)] if differs(place.current, wanted) else []


def _renewal(place: Place, ours: Resource, elements: tuple[str, ...]) -> list[Writing]:
    wanted = renewed(place.current, place.dressed(checked(ours)), elements)
    return [Writing(place, wanted)] if place.current is None or differs(place.current, wanted) else []
