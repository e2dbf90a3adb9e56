"""Sends the sample study through the system and shows what becomes of it, a line a stage."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.progress import Progress
from infra.local.sample_doors import NotTaken, c_store, stow
from infra.local.sample_event import EventListener, listening
from infra.local.sample_study import STUDY_INSTANCE_UID, SampleInstance, data_set, sample_study

T = TypeVar("T")
_SPACE = "main"
_PATIENCE_SECONDS = 60.0
_LOADED = re.compile(r'<(?:script|link)[^>]* (?:src|href)="([^"]+)"')


class TourEnded(Exception):
    """A stage did not come; the message is one sentence."""


class SampleTour:
    """Takes the sample study from the doors to the FHIR reference and back.

    Parameters
    ----------
    endpoints
        As `endpoints.json` has them.
    has_viewer
        Whether studies open in a viewer, our own or another. What was published by
        a run that had one refers to it still.
    """

    def __init__(
        self, endpoints: Mapping[str, Any], quiet_seconds: int, progress: Progress, *, has_viewer: bool
    ) -> None:
        self._endpoints = endpoints
        self._quiet_seconds = quiet_seconds
        self._progress = progress
        self._has_viewer = has_viewer
        self._dicomweb = endpoints["spaces"][_SPACE]["dicomweb"]
        self._study = f"{self._dicomweb}/studies/{STUDY_INSTANCE_UID}"
        self._instances = sample_study()
        self._client = httpx.Client(timeout=60, trust_env=False)

    def __call__(self) -> None:
        """Take the tour; whatever goes wrong on it is told in a sentence, and the system stays up."""
        try:
            with self._client:
                self._take()
        except (TourEnded, NotTaken) as reason:
            self._progress.line(f"The sample study did not come through: {reason} The system stays up.", "red")
        except (httpx.HTTPError, BotoCoreError, ClientError, LookupError, ValueError) as failure:
            kind = type(failure).__name__
            self._progress.line(
                f"The sample study did not come through ({kind}: {failure}). The system stays up.", "red"
            )

    def _take(self) -> None:
        if revision := self._complete_revision():
            self._progress.line(
                f"The sample study is already there, as revision {revision['revision']}: nothing changed."
            )
            self._display(self._find_imaging_study())
            return
        half = len(self._instances) // 2 + 1
        with listening(self._endpoints["aws"]["event_bus"], STUDY_INSTANCE_UID) as listener:
            self._store(self._instances[:half], self._instances[half:])
            self._wait_until_indexed()
            revision = self._wait_for_revision()
            self._wait_for_event(listener, revision["revision"])
        imaging_study = self._find_imaging_study()
        self._retrieve(imaging_study)
        self._display(imaging_study)

    def _store(self, by_stow: list[SampleInstance], by_c_store: list[SampleInstance]) -> None:
        with self._progress.step("store       by STOW-RS") as step:
            stow(self._client, self._dicomweb, by_stow)
            step.text = f"stored      {len(by_stow)} instances by STOW-RS at {self._dicomweb}/studies"
        with self._progress.step("store       by C-STORE") as step:
            dimse, ae_title = self._endpoints["dimse"], self._endpoints["spaces"][_SPACE]["ae_title"]
            c_store(dimse["host"], dimse["port"], ae_title, by_c_store)
            step.text = (
                f"stored      {len(by_c_store)} instances by C-STORE at {ae_title}@{dimse['host']}:{dimse['port']}"
            )

    def _wait_until_indexed(self) -> None:
        def indexed() -> list[Any] | None:
            answer = self._client.get(f"{self._study}/instances", headers={"Accept": "application/dicom+json"})
            found = answer.json() if answer.status_code == 200 else []
            return found if len(found) == len(self._instances) else None

        with self._progress.step("index       until all instances are there") as step:
            found = self._until(indexed, "not every instance was indexed in time.")
            series = {instance["0020000E"]["Value"][0] for instance in found}
            step.text = f"indexed     {len(found)} instances in {len(series)} series: {self._study}/metadata"

    def _wait_for_revision(self) -> dict[str, Any]:
        with self._progress.step(f"revise      once the study has been quiet for {self._quiet_seconds} s") as step:
            revision = self._until(self._complete_revision, "the study got no revision in time.")
            step.text = (
                f"revision    {revision['revision']}, of {revision['series']} series and {revision['instances']} "
                f"instances: {self._study}/revisions/{revision['revision']}"
            )
        return revision

    def _complete_revision(self) -> dict[str, Any] | None:
        answer = self._client.get(f"{self._study}/revisions")
        revisions: list[dict[str, Any]] = answer.json() if answer.status_code == 200 else []
        return revisions[-1] if revisions and revisions[-1]["instances"] == len(self._instances) else None

    def _wait_for_event(self, listener: EventListener, revision: int) -> None:
        with self._progress.step("announce    until the event has come") as step:
            event = self._until(lambda: listener.revision(revision), "the revision was not announced in time.")
            step.text = f"announced   “{event['detail-type']}” on the bus {self._endpoints['aws']['event_bus']}"

    def _find_imaging_study(self) -> dict[str, Any]:
        with self._progress.step("publish     until there is an ImagingStudy") as step:
            resource = self._until(self._imaging_study, "no ImagingStudy was published in time.")
            step.text = f"published   {self._endpoints['fhir']}/ImagingStudy/{resource['id']}"
        return resource

    def _imaging_study(self) -> dict[str, Any] | None:
        identifier = f"urn:dicom:uid|urn:oid:{STUDY_INSTANCE_UID}"
        found = self._client.get(f"{self._endpoints['fhir']}/ImagingStudy", params={"identifier": identifier}).json()
        for entry in found.get("entry", []):
            resource: dict[str, Any] = entry["resource"]
            if resource["meta"].get("source") == self._dicomweb and resource["numberOfInstances"] == len(
                self._instances
            ):
                return resource
        return None

    def _retrieve(self, imaging_study: Mapping[str, Any]) -> None:
        """Follow the references in the ImagingStudy, and nothing else, back to the bytes."""
        with self._progress.step("retrieve    what the ImagingStudy refers to") as step:
            endpoint = self._endpoint(imaging_study, "dicom-wado-rs")
            study = _study_instance_uid(imaging_study)
            originals = {instance.sop_instance_uid: data_set(instance.part10) for instance in self._instances}
            address = ""
            for series in imaging_study["series"]:
                for instance in series["instance"]:
                    address = (
                        f"{endpoint['address']}/studies/{study}/series/{series['uid']}/instances/{instance['uid']}"
                    )
                    part10 = self._client.get(address, headers={"Accept": "application/dicom"}).content
                    if data_set(part10) != originals.pop(instance["uid"]):
                        raise TourEnded(f"{address} did not give back the bytes that were stored.")
            if originals:
                raise TourEnded("the ImagingStudy does not name every instance.")
            step.text = f"retrieved   every instance byte for byte, as the ImagingStudy refers to it: {address}"

    def _display(self, imaging_study: Mapping[str, Any]) -> None:
        """Follow the ImagingStudy to the pictures, as a FHIR client does: IHE RAD-106."""
        if not self._has_viewer:
            return
        with self._progress.step("display     what the ImagingStudy refers to") as step:
            endpoint = self._endpoint(imaging_study, "ihe-iid")
            asked = {"requestType": "STUDY", "studyUID": _study_instance_uid(imaging_study)}
            address = httpx.URL(endpoint["address"], params=asked)
            answer = self._client.get(address, headers={"Accept": "text/html"})
            viewer = answer.headers.get("location", "")
            if answer.status_code != 302:
                raise TourEnded(f"{address} was answered with {answer.status_code}.")
            if "viewer" in self._endpoints:
                self._open(viewer)
            step.text = f"display     open this in a browser: {address}"

    def _open(self, viewer: str) -> None:
        """Ask for the viewer's page as a browser does, and for what it loads: the page alone is at every address."""
        page = self._client.get(viewer)
        loaded = [page.url.join(address) for address in _LOADED.findall(page.text)]
        if page.status_code != 200 or not loaded:
            raise TourEnded(f"the viewer is not at {viewer}.")
        for address in loaded:
            if self._client.head(address).status_code != 200:
                raise TourEnded(f"the viewer at {viewer} lacks {address}.")

    def _endpoint(self, imaging_study: Mapping[str, Any], connection_type: str) -> dict[str, Any]:
        for reference in imaging_study["endpoint"]:
            found: dict[str, Any] = self._client.get(f"{self._endpoints['fhir']}/{reference['reference']}").json()
            if found["connectionType"]["code"] == connection_type:
                return found
        raise TourEnded(
            f"the ImagingStudy refers to no Endpoint of the type {connection_type}; if it was published before there "
            f"was one, `imaging publish --space {_SPACE}` publishes it again."
        )

    def _until(self, probe: Callable[[], T | None], late: str) -> T:
        deadline = time.monotonic() + self._quiet_seconds + _PATIENCE_SECONDS
        while (found := probe()) is None:
            if time.monotonic() > deadline:
                raise TourEnded(late)
            time.sleep(0.2)
        return found


def _study_instance_uid(imaging_study: Mapping[str, Any]) -> str:
    uid: str = imaging_study["identifier"][0]["value"]
    return uid.removeprefix("urn:oid:")
