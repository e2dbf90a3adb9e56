"""Publishing as it is deployed, to Medplum's server over HTTP; only bucket and fence are in memory.

What became of it is read from the server itself, past everything that may be
between it and us.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from imaging.aws.dynamodb_fhir_errors import DynamoDbFhirErrors
from imaging.aws.dynamodb_publications import DynamoDbPublications
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.fhir_server import HttpFhirServer
from imaging.aws.known_resources import DynamoDbKnownResources
from imaging.aws.work_queue import wait_seconds
from imaging.errors import Unavailable
from imaging.fhir.policy import policy_of
from imaging.fhir.primitives import Resource
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from imaging.model.revision import Revision
from imaging.pipeline.publish_study import Attempt, PublishStudy
from tests.fakes import InMemoryObjects
from tests.fhir.faulty_server import FaultyServer
from tests.unit.fhir.samples import LINKS, SPACE, attributes, instance, revision, series
from tests.unit.pipeline.publishing import FakeFence, FakePending, FakeRevisions

TRIES = 14  # as the queue is deployed


class Clock:
    """The time, and what tests have not waited for."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def wait(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Try:
    """One delivery of a message: the time, why it failed ("" if it did not), how long the server wants to be left."""

    at: datetime
    failure: str = ""
    wished_wait_seconds: float = 0


class World:
    """A storage space of its own, and all that publishing keeps of it.

    Attributes
    ----------
    faulty
        What stands between us and the server.
    """

    def __init__(self, faulty: FaultyServer, table: ManifestTable, space: str = "", **policy: Any) -> None:
        self.faulty = faulty
        self.space = space or f"space-{uuid4().hex[:8]}"
        self.policy = policy_of(json.dumps(policy))
        self.patient_id = f"P-{uuid4().hex}"
        self.clock = Clock()
        self.fence, self.pending, self.revisions = FakeFence(), FakePending(), FakeRevisions()
        self.publications, self.known = DynamoDbPublications(table), DynamoDbKnownResources(table)
        self.errors = DynamoDbFhirErrors(table)
        self.objects = InMemoryObjects([self.space])
        self._there = httpx.Client(base_url=f"{faulty.behind}/", trust_env=False, timeout=60, verify=False)
        self._servers: list[HttpFhirServer] = []
        self._process = self.process()

    def close(self) -> None:
        for server in (*self._servers, self._there):
            server.close()

    def process(self) -> PublishStudy:
        """One of those that publish side by side."""
        self._servers.append(HttpFhirServer(self.faulty.address))
        return PublishStudy(
            self.fence,
            self.pending,
            self.revisions,
            self._servers[-1],
            self.publications,
            self.known,
            self.objects,
            links=LINKS,
            spaces={self.space: replace(SPACE, name=self.space)},
            policy=self.policy,
            clock=self.clock,
            new_token=lambda: uuid4().hex,
        )

    def new_study(self) -> StudyKey:
        return StudyKey(self.space, f"2.25.{uuid4().int}")

    def revision(self, study: StudyKey, number: int = 1, instances: int = 1, **of_study: Any) -> Revision:
        """A revision of a study of the space's one patient; without instances, of its deletion."""
        below = f"{study.study_instance_uid}.1"
        listed = [instance(f"{below}.{each}", InstanceNumber=each) for each in range(1, instances + 1)]
        named = {"PatientID": self.patient_id, "PatientName": "Doe^Jane", "StudyDescription": f"as of {number}"}
        all_series = [series(below, *listed, SeriesNumber=1)] if listed else []
        return revision(*all_series, study=study, number=number, of_study=attributes(**{**named, **of_study}))

    def finalize(self, made: Revision) -> None:
        self.revisions[made.study, made.number] = made
        self.fence.numbers[made.study] = made.number

    def publish(self, made: Revision, **how: Any) -> list[Try]:
        """Finalize a revision and deliver its message."""
        self.finalize(made)
        return self.deliver(made.study, made.number, **how)

    def deliver(
        self,
        study: StudyKey,
        number: int,
        *,
        tries: int = TRIES,
        process: PublishStudy | None = None,
        wait: Callable[[float], None] | None = None,
        after: Callable[[Try], None] = lambda _: None,
    ) -> list[Try]:
        """Deliver a message as its queue does: again and again, later each time, until it is acknowledged.

        Parameters
        ----------
        wait
            Instead of turning the clock forward.
        after
            Called after each delivery that failed.
        """
        made: list[Try] = []
        while len(made) < tries:
            attempt = Attempt(len(made) + 1, is_last=len(made) + 1 == tries)
            at = self.clock()
            try:
                (process or self._process)(study, number, attempt)
            except Unavailable as failure:
                made.append(Try(at, str(failure), failure.wait_seconds))
                after(made[-1])
                (wait or self.clock.wait)(max(wait_seconds(attempt.number), failure.wait_seconds))
            else:
                return [*made, Try(at)]
        return made

    def entries(self, study: StudyKey) -> list[FhirError]:
        return self.errors.read_errors_of(study)

    def kinds(self, study: StudyKey) -> list[ErrorKind]:
        return [entry.kind for entry in self.entries(study)]

    def found(self, resource_type: str, **criteria: str) -> list[Resource]:
        """What the server has."""
        answer = self._there.get(resource_type, params={"_count": "100000", **criteria}).raise_for_status().json()
        return [entry["resource"] for entry in answer.get("entry", [])]

    def at(self, reference: str) -> Resource | None:
        answer = self._there.get(reference)
        return answer.json() if answer.is_success else None

    def history(self, resource: Resource) -> list[Resource]:
        """All its versions, newest first."""
        answer = self._there.get(f"{resource['resourceType']}/{resource['id']}/_history").raise_for_status().json()
        return [entry["resource"] for entry in answer["entry"] if "resource" in entry]

    def write(self, resource: Resource) -> Resource:
        """Write as somebody else does."""
        answer = self._there.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
        return answer.raise_for_status().json()

    def patients(self, patient_id: str = "") -> list[Resource]:
        """Those that have the identifier of the space's patient, or another's."""
        identifier = f"{SPACE.patient_identifier_system}|{patient_id or self.patient_id}"
        return self.found("Patient", identifier=identifier)

    def studies(self, study: StudyKey) -> list[Resource]:
        """The ImagingStudies of a study that have our source."""
        found = self.found("ImagingStudy", identifier=f"urn:dicom:uid|urn:oid:{study.study_instance_uid}")
        return [each for each in found if each.get("meta", {}).get("source") == LINKS.space(study.space)]

    def endpoints(self) -> list[Resource]:
        """Those of the space."""
        return self.found("Endpoint", name=f"DICOM WADO-RS of {self.space}")


def nap(seconds: float) -> None:
    """Wait a moment, longer if it should be longer: for those who share a clock."""
    time.sleep(min(0.01 * seconds, 0.2) * random.uniform(0.5, 1))


def versions(resources: Sequence[Resource]) -> list[int]:
    return [int(resource["meta"]["versionId"]) for resource in resources]
