"""A user of the running system: sends by both doors, waits, and hears what is announced."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import jsonschema
from pydicom import dcmread
from pynetdicom import AE

from imaging import model
from imaging.model.identifiers import InstanceKey
from infra.local.embedded_aws.clients import client
from tests.flow.running_system import RunningSystem
from tests.instances import part10_instance

BOUNDARY = "a-boundary"
SCHEMAS = Path(model.__file__).parent / "schemas"

T = TypeVar("T")


def new_study(space: str = "main", series: int = 1, instances: int = 1) -> list[InstanceKey]:
    """Keys of a study nobody has stored yet."""
    study = f"2.25.{uuid4().int}"
    return [
        InstanceKey(space, study, f"2.25.{uuid4().int}", f"2.25.{uuid4().int}")
        if instances == 1
        else InstanceKey(space, study, series_instance_uid, f"2.25.{uuid4().int}")
        for series_instance_uid in [f"2.25.{uuid4().int}" for _ in range(series)]
        for _ in range(instances)
    ]


def eventually(what: str, look: Callable[[], T | None], seconds: float = 90) -> T:
    """Look until there is something true to see; this is a limit for a hang, not a measure of speed."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)
    return seen


class Client:
    """Speaks to one running system."""

    def __init__(self, system: RunningSystem) -> None:
        self.system = system
        self.http = httpx.Client(timeout=60)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def stow(
        self, parts: Sequence[bytes], space: str = "main", study: str = "", expected_instances: int | None = None
    ) -> httpx.Response:
        """Store by STOW-RS, all in one request."""
        body = b"".join(
            b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n" % (BOUNDARY.encode(), part) for part in parts
        )
        return self.http.post(
            f"{self.system.dicomweb(space)}/studies{f'/{study}' if study else ''}",
            content=body + f"--{BOUNDARY}--\r\n".encode(),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
                **({"Expected-Instances": str(expected_instances)} if expected_instances else {}),
            },
        )

    def c_store(self, parts: Sequence[bytes], called_ae_title: str = "MAIN") -> list[int]:
        """Store by C-STORE over one association; the statuses."""
        data_sets = [dcmread(BytesIO(part)) for part in parts]
        ae = AE("TESTS")
        for sop_class_uid, syntax in {(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in data_sets}:
            ae.add_requested_context(sop_class_uid, syntax)
        dimse = self.system.endpoints["dimse"]
        assoc = ae.associate(dimse["host"], dimse["port"], ae_title=called_ae_title)
        try:
            assert assoc.is_established
            statuses = [assoc.send_c_store(ds).Status for ds in data_sets]
            assoc.release()
        finally:
            # pynetdicom leaves its socket behind where the peer is gone.
            if assoc.dul.socket is not None and assoc.dul.socket.socket is not None:
                assoc.dul.socket.socket.close()
        return statuses

    def get(self, key: InstanceKey, below: str) -> httpx.Response:
        """GET something below the key's study."""
        return self.http.get(f"{self.system.dicomweb(key.space)}/studies/{key.study_instance_uid}{below}")

    def delete(self, key: InstanceKey, *, below_study: str = "") -> httpx.Response:
        """DELETE the key's study, or what `below_study` names of it."""
        return self.http.delete(f"{self.system.dicomweb(key.space)}/studies/{key.study_instance_uid}{below_study}")

    def revisions(self, key: InstanceKey) -> list[dict[str, Any]]:
        """The study's history; empty while it is not known."""
        answer = self.get(key, "/revisions")
        return answer.json() if answer.status_code == httpx.codes.OK else []

    def wait_for_revision(self, key: InstanceKey, number: int) -> dict[str, Any]:
        """The entry of revision `number`, once it is there."""
        return eventually(f"revision {number}", lambda: self.revisions(key)[number - 1 : number])[0]

    def imaging_studies(self, key: InstanceKey) -> list[dict[str, Any]]:
        """What FHIR has of the study; nothing while the server does not answer."""
        identifier = f"urn:dicom:uid|urn:oid:{key.study_instance_uid}"
        answer = self.http.get(f"{self.system.endpoints['fhir']}/ImagingStudy", params={"identifier": identifier})
        bundle = answer.json() if answer.status_code == httpx.codes.OK else {}
        return [entry["resource"] for entry in bundle.get("entry", [])]

    def instance_bytes(self, key: InstanceKey) -> bytes | None:
        """The instance as WADO-RS gives it, single-part; None if there is none."""
        answer = self.http.get(
            f"{self.system.dicomweb(key.space)}/studies/{key.study_instance_uid}/series/{key.series_instance_uid}"
            f"/instances/{key.sop_instance_uid}",
            headers={"Accept": "application/dicom; transfer-syntax=*"},
        )
        return answer.content if answer.status_code == httpx.codes.OK else None

    def aws(self, service: str) -> Any:
        """A boto3 client of the embedded AWS."""
        return client(service, self.system.endpoints["aws"]["endpoint_url"])

    def bucket(self, space: str) -> str:
        return self.system.endpoints["spaces"][space]["bucket"]

    @contextmanager
    def subscribed(self) -> Iterator["Subscription"]:
        """A queue that hears all events of the system, as a third party's would."""
        name = f"tests-{uuid4().hex}"
        sqs, events = self.aws("sqs"), self.aws("events")
        bus = self.system.endpoints["aws"]["event_bus"]
        queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": ["imaging"]}))
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        yield Subscription(sqs, queue_url)
        events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name=name, EventBusName=bus)
        sqs.delete_queue(QueueUrl=queue_url)


class Subscription:
    """Events heard so far, each checked against its published schema."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._heard: list[dict[str, Any]] = []

    def of(self, key: InstanceKey, detail_type: str) -> list[dict[str, Any]]:
        """Details of that type that speak of the key's study."""
        while messages := self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                schema = SCHEMAS / f"{event['detail-type'].lower().replace(' ', '_')}.json"
                jsonschema.validate(event["detail"], json.loads(schema.read_text()))
                self._heard.append(event)
                self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [
            event["detail"]
            for event in self._heard
            if event["detail-type"] == detail_type
            and (event["detail"]["space"], event["detail"]["study"]) == (key.space, key.study_instance_uid)
        ]


def instances_of(keys: Sequence[InstanceKey], **attributes: object) -> list[bytes]:
    """One small instance per key."""
    return [part10_instance(key, InstanceNumber=number, **attributes) for number, key in enumerate(keys, start=1)]
