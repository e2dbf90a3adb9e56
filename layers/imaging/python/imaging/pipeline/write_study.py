"""Bring the Patient, Endpoints and ImagingStudy of a revision up to date, in one transaction."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.fhir import endpoint, imaging_study, patient
from imaging.fhir.comparison import differs
from imaging.fhir.findings import Findings
from imaging.fhir.identity import imaging_study_id
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
from imaging.pipeline.named_patient import PATIENT_ID
from imaging.pipeline.places import Places, Turn, Writing
from imaging.pipeline.rounds import ROUNDS, Rounds
from imaging.ports.outside import FhirServer, VersionConflict
from imaging.ports.publication import KnownResources
from imaging.settings import Space, space_named

_OPTIONAL = ("modality", "started", "referrer", "interpreter", "procedureCode", "location", "reasonCode", "description")
_SPOKEN = ("name", "gender")


@dataclass(frozen=True)
class Written:
    """What a study has become.

    Attributes
    ----------
    study, subject
        The places of ImagingStudy and Patient.
    """

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
        known: KnownResources,
        *,
        links: Links,
        spaces: Mapping[str, Space],
        policy: PublishingPolicy,
        sleep: Callable[[float], None],
    ) -> None:
        self._places = places
        self._known = known
        self._rounds = Rounds(sleep)
        self._find_patient = FindPatient(server, places)
        self._find_orders = FindOrders(server, places, links)
        self._links = links
        self._spaces = spaces
        self._policy = policy

    def __call__(
        self, revision: Revision, turn: Turn, findings: Findings, earlier: Callable[[], Iterable[Revision]]
    ) -> Written:
        """Publish a revision that has instances.

        Parameters
        ----------
        findings
            What was found so far; takes what cannot be mapped.
        earlier
            Gives the revisions that the server may have now.

        Raises
        ------
        Rejected
            If it cannot be published, or the server refuses it: nothing is written.
        Unavailable
            If the server does not answer, or others write faster.
        """
        if PATIENT_ID in revision.conflicts:
            raise Rejected(
                RejectReason.INVALID_IDENTIFIER,
                "Instances of the study name different patients; correct PatientID and its issuer in those that are "
                "wrong, and store them again.",
            )
        for _ in self._rounds:
            written, writings = self._compared(revision, findings, earlier)
            if self._is_written(writings, turn):
                return written
        raise Unavailable(f"Others wrote to the study's resources {ROUNDS} times between reading and writing.")

    def remove(self, study: StudyKey, turn: Turn) -> bool:
        """Remove or cancel the ImagingStudy of a study that has no instances any more, if we made one.

        Returns
        -------
        bool
            False if the server does not delete it, as it may one that another resource refers to: it is cancelled then.

        Raises
        ------
        Unavailable
            If the server does not answer, or others write faster.
        """
        name, is_to_go = imaging_study_id(study), self._policy.on_delete is OnDelete.REMOVE
        if is_to_go and self._is_deleted(name, turn):
            return True
        for _ in self._rounds:
            if self._is_written(_cancelling(self._places.find("ImagingStudy", name)), turn):
                return not is_to_go
        raise Unavailable(f"Others wrote to the deleted study's ImagingStudy {ROUNDS} times while it was cancelled.")

    def _is_deleted(self, name: str, turn: Turn) -> bool:
        for _ in self._rounds:
            place = self._places.find("ImagingStudy", name)
            if place.current is None:
                return True
            try:
                return self._places.write([Writing(place, None)], turn)
            except VersionConflict:
                continue
            except Rejected:
                return False
        return False

    def _is_written(self, writings: list[Writing], turn: Turn) -> bool:
        try:
            return self._places.write(writings, turn)
        except VersionConflict:
            return False

    def _compared(
        self, revision: Revision, findings: Findings, earlier: Callable[[], Iterable[Revision]]
    ) -> tuple[Written, list[Writing]]:
        """What differs, every resource after those it refers to: HealthLake writes in this order."""
        space = revision.study.space
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
            *self._patient(subject, person, revision),
            *(writing for place, each in endpoints for writing in _renewal(place, each, endpoint.ELEMENTS)),
            *_renewal(study, ours, self._elements(study.current or {}, ours, earlier)),
        ]
        return Written(study, subject), writings

    def _mapped(self, revision: Revision, subject: Place, endpoints: list[Resource], findings: Findings) -> Resource:
        space = space_named(self._spaces, revision.study.space)
        accessions = accession_identifiers(revision, space, self._links, findings)
        orders = self._find_orders(accessions, subject, space)
        return self._imaging_study(revision, subject.reference, endpoints, orders, findings)

    def _imaging_study(
        self,
        revision: Revision,
        subject: Resource,
        endpoints: list[Resource],
        orders: list[Resource],
        findings: Findings,
    ) -> Resource:
        return imaging_study.imaging_study(
            revision,
            space=space_named(self._spaces, revision.study.space),
            subject=subject,
            endpoints=endpoints,
            based_on=orders,
            links=self._links,
            policy=self._policy,
            findings=findings,
        )

    def _elements(
        self, current: Resource, ours: Resource, earlier: Callable[[], Iterable[Revision]]
    ) -> tuple[str, ...]:
        """All that the mapping gives or gave; an element that it never gave this study is others'."""
        in_doubt = {name for name in _OPTIONAL if name in current and name not in ours}
        for revision in earlier() if in_doubt else ():
            in_doubt -= self._imaging_study(revision, {}, [], [], Findings()).keys()
            if not in_doubt:
                break
        return tuple(name for name in imaging_study.ELEMENTS if name not in in_doubt)

    def _patient(self, place: Place, ours: Resource, revision: Revision) -> list[Writing]:
        """The Patient as imaging.fhir.patient has it treated."""
        is_synchronised = self._policy.patient is PatientTreatment.SYNC
        speaks = is_synchronised and any(name in ours for name in _SPOKEN)
        # Said by those too who change nothing: what an older revision says is old news from then on.
        is_latest = speaks and self._known.speaks(ours["id"], revision.created_at)
        if place.current is None:
            if self._policy.patient is PatientTreatment.REFERENCE_ONLY:
                raise Rejected(
                    RejectReason.NO_SUCH_RESOURCE,
                    "No Patient on the FHIR server has the identifier of the study's patient, and imaging.fhir.patient "
                    "is reference-only; register the patient there, then publish the study again.",
                )
            return [Writing(place, checked(ours))]
        if not is_synchronised:
            return []
        said = {name: value for name, value in checked(ours).items() if is_latest or name not in _SPOKEN}
        wanted = patient.synchronised(place.current, said)
        return [Writing(place, wanted)] if differs(place.current, wanted) else []


def _renewal(place: Place, ours: Resource, elements: tuple[str, ...]) -> list[Writing]:
    wanted = renewed(place.current, place.dressed(checked(ours)), elements)
    return [Writing(place, wanted)] if place.current is None or differs(place.current, wanted) else []


def _cancelling(place: Place) -> list[Writing]:
    if place.current is None:
        return []
    wanted = cancelled(place.current)
    return [Writing(place, wanted)] if differs(place.current, wanted) else []
